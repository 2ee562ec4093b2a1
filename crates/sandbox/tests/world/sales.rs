//! A tiny real channel: it counts sales and enqueues a callback for each.

use channel::{
    CodecContext, Counterpart, DocumentFault, DocumentStore, FaultMode, Method, OutgoingCallback,
    PhoneFault, PhoneOutcome, Request, Response,
};

/// A channel that sells. `POST /sales/sell` with the callback's URL as body makes a sale;
/// `GET /sales/count` answers how many there were.
pub(crate) struct SalesChannel;

const COUNT: &str = "sales/count";

impl SalesChannel {
    fn count(documents: &dyn DocumentStore) -> Result<u32, DocumentFault> {
        let text = documents.get(COUNT)?.unwrap_or_else(|| "0".to_owned());
        text.parse().map_err(|_| DocumentFault("the count is not a number".to_owned()))
    }

    fn sell(
        documents: &mut dyn DocumentStore,
        url: &str,
    ) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
        let count = SalesChannel::count(documents)? + 1;
        documents.put(COUNT, &count.to_string())?;
        documents.put(&format!("sales/sale/{count:04}"), &format!("{{\"sale\":{count}}}"))?;
        let outgoing = OutgoingCallback {
            id: format!("callback-{count}"),
            url: url.to_owned(),
            text: count.to_string(),
        };
        let outgoing = if url.is_empty() { vec![] } else { vec![outgoing] };
        Ok((say(200, &count.to_string()), outgoing))
    }
}

fn say(status: u16, text: &str) -> Response {
    let headers = vec![("X-Sales".to_owned(), "open".to_owned())];
    Response { status, headers, body: text.as_bytes().to_vec() }
}

impl Counterpart for SalesChannel {
    fn name(&self) -> &'static str {
        "sales"
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with("/sales/")
    }

    fn operation(&self, request: &Request) -> &'static str {
        match request.method {
            Method::Post => "create",
            Method::Get => "query",
        }
    }

    fn receive(
        &self,
        documents: &mut dyn DocumentStore,
        mode: &FaultMode,
        request: &Request,
        _: &CodecContext,
    ) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
        match (mode, request.method) {
            (FaultMode::Error { code }, _) => Ok((say(400, code), vec![])),
            (_, Method::Get) => {
                Ok((say(200, &SalesChannel::count(documents)?.to_string()), vec![]))
            }
            (FaultMode::WrongAmount, Method::Post) => Ok((say(200, "too much"), vec![])),
            (FaultMode::BadSignature, Method::Post) => Ok((say(200, "forged"), vec![])),
            (FaultMode::Honest | FaultMode::Refund { .. }, Method::Post) => {
                SalesChannel::sell(documents, &String::from_utf8_lossy(&request.body))
            }
        }
    }

    fn phone(
        &self,
        documents: &mut dyn DocumentStore,
        pay_info: &str,
        outcome: PhoneOutcome,
        _: &CodecContext,
    ) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
        let Some(url) = pay_info.strip_prefix("sales:") else {
            return Err(PhoneFault::NotMine);
        };
        match outcome {
            PhoneOutcome::Success => {
                let (_, outgoing) = SalesChannel::sell(documents, url)?;
                Ok(("thank you".to_owned(), outgoing))
            }
            PhoneOutcome::Fail => {
                // Leaves a trace that the refusal must undo.
                SalesChannel::sell(documents, url)?;
                Err(PhoneFault::Refused("no money".to_owned()))
            }
            PhoneOutcome::Cancel => Ok(("good bye".to_owned(), vec![])),
        }
    }

    fn envelope(
        &self,
        callback: &OutgoingCallback,
        mode: &FaultMode,
        context: &CodecContext,
    ) -> Request {
        assert_eq!(context.nonce.len(), 32);
        let word = match mode {
            FaultMode::Honest | FaultMode::Refund { .. } => "honest",
            FaultMode::BadSignature => "forged",
            FaultMode::WrongAmount => "too much",
            FaultMode::Error { .. } => "error",
        };
        Request {
            method: Method::Post,
            url: callback.url.clone(),
            headers: vec![("X-Nonce".to_owned(), context.nonce.clone())],
            body: format!("{} {word}", callback.text).into_bytes(),
        }
    }

    fn accepted(&self, response: &Response) -> bool {
        response.status == 200
    }

    fn schedule_seconds(&self) -> &'static [i64] {
        &[15, 60]
    }

    fn transactions(
        &self,
        documents: &dyn DocumentStore,
        limit: usize,
    ) -> Result<Vec<String>, DocumentFault> {
        Ok(documents.list("sales/sale/", limit)?.into_iter().map(|(_, text)| text).collect())
    }
}
