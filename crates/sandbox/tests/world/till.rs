//! A tiny real channel: a till that counts sales and owes a callback for each.

use channel::{
    Counterpart, Draw, Fate, Method, OutgoingCallback, PhoneFault, PhoneOutcome, Request, Response,
    Shelf, ShelfFault,
};

/// The till. `POST /till/sell` with the callback's URL as body makes a sale; `GET /till/count` tells how
/// many there were.
pub(crate) struct Till;

const COUNT: &str = "till/count";

impl Till {
    fn count(shelf: &dyn Shelf) -> Result<u32, ShelfFault> {
        let text = shelf.get(COUNT)?.unwrap_or_else(|| "0".to_owned());
        text.parse().map_err(|_| ShelfFault("the count is no number".to_owned()))
    }

    fn sell(
        shelf: &mut dyn Shelf,
        url: &str,
    ) -> Result<(Response, Vec<OutgoingCallback>), ShelfFault> {
        let count = Till::count(shelf)? + 1;
        shelf.put(COUNT, &count.to_string())?;
        shelf.put(&format!("till/sale/{count:04}"), &format!("{{\"sale\":{count}}}"))?;
        let owed = OutgoingCallback {
            id: format!("callback-{count}"),
            url: url.to_owned(),
            text: count.to_string(),
        };
        let owed = if url.is_empty() { vec![] } else { vec![owed] };
        Ok((say(200, &count.to_string()), owed))
    }
}

fn say(status: u16, text: &str) -> Response {
    let headers = vec![("X-Till".to_owned(), "open".to_owned())];
    Response { status, headers, body: text.as_bytes().to_vec() }
}

impl Counterpart for Till {
    fn name(&self) -> &'static str {
        "till"
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with("/till/")
    }

    fn operation(&self, request: &Request) -> &'static str {
        match request.method {
            Method::Post => "create",
            Method::Get => "query",
        }
    }

    fn receive(
        &self,
        shelf: &mut dyn Shelf,
        fate: &Fate,
        request: &Request,
        _: &Draw,
    ) -> Result<(Response, Vec<OutgoingCallback>), ShelfFault> {
        match (fate, request.method) {
            (Fate::Error { code }, _) => Ok((say(400, code), vec![])),
            (_, Method::Get) => Ok((say(200, &Till::count(shelf)?.to_string()), vec![])),
            (Fate::WrongAmount, Method::Post) => Ok((say(200, "too much"), vec![])),
            (Fate::BadSignature, Method::Post) => Ok((say(200, "forged"), vec![])),
            (Fate::Honest | Fate::Refund { .. }, Method::Post) => {
                Till::sell(shelf, &String::from_utf8_lossy(&request.body))
            }
        }
    }

    fn phone(
        &self,
        shelf: &mut dyn Shelf,
        pay_info: &str,
        outcome: PhoneOutcome,
        _: &Draw,
    ) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
        let Some(url) = pay_info.strip_prefix("till:") else {
            return Err(PhoneFault::NotMine);
        };
        match outcome {
            PhoneOutcome::Success => {
                let (_, owed) = Till::sell(shelf, url)?;
                Ok(("thank you".to_owned(), owed))
            }
            PhoneOutcome::Fail => {
                // Leaves a trace that the refusal must undo.
                Till::sell(shelf, url)?;
                Err(PhoneFault::Refused("no money".to_owned()))
            }
            PhoneOutcome::Cancel => Ok(("good bye".to_owned(), vec![])),
        }
    }

    fn envelope(&self, callback: &OutgoingCallback, fate: &Fate, draw: &Draw) -> Request {
        assert_eq!(draw.nonce.len(), 32);
        let word = match fate {
            Fate::Honest | Fate::Refund { .. } => "honest",
            Fate::BadSignature => "forged",
            Fate::WrongAmount => "too much",
            Fate::Error { .. } => "error",
        };
        Request {
            method: Method::Post,
            url: callback.url.clone(),
            headers: vec![("X-Nonce".to_owned(), draw.nonce.clone())],
            body: format!("{} {word}", callback.text).into_bytes(),
        }
    }

    fn accepted(&self, response: &Response) -> bool {
        response.status == 200
    }

    fn schedule_seconds(&self) -> &'static [i64] {
        &[15, 60]
    }

    fn transactions(&self, shelf: &dyn Shelf, limit: usize) -> Result<Vec<String>, ShelfFault> {
        Ok(shelf.list("till/sale/", limit)?.into_iter().map(|(_, text)| text).collect())
    }
}
