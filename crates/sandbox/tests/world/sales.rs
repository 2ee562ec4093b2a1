//! A tiny real channel: it counts sales and enqueues a callback for each.

use channel::{
    AgreementAct, CodecContext, Counterpart, DocumentFault, DocumentStore, FaultMode, Method,
    OutgoingCallback, PhoneFault, PhoneOutcome, Request, Response, SwitchFault,
};
use ledger::Timestamp;

/// A channel that sells. `POST /sales/sell` with the callback's URL as body makes a sale;
/// `GET /sales/count` answers how many there were.
pub(crate) struct SalesChannel;

const COUNT: &str = "sales/count";
const DOOR: &str = "sales/door";

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
    let headers = vec![("X-SALES-Id".to_owned(), "7".to_owned())];
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
        _: Timestamp,
    ) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
        match (mode, request.method) {
            (FaultMode::Error { code }, _) => Ok((say(400, code), vec![])),
            (_, Method::Get) => {
                Ok((say(200, &SalesChannel::count(documents)?.to_string()), vec![]))
            }
            (FaultMode::WrongAmount, Method::Post) => Ok((say(200, "too much"), vec![])),
            (FaultMode::BadSignature, Method::Post) => Ok((say(200, "forged"), vec![])),
            (FaultMode::Unsigned, Method::Post) => Ok((say(200, "unsigned"), vec![])),
            (FaultMode::Probe, Method::Post) => Ok((say(200, "probe"), vec![])),
            (
                FaultMode::Honest | FaultMode::Refund { .. } | FaultMode::Share { .. },
                Method::Post,
            ) => SalesChannel::sell(documents, &String::from_utf8_lossy(&request.body)),
        }
    }

    fn refuse_method(&self, target: &str) -> Response {
        say(405, target)
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
            PhoneOutcome::Success | PhoneOutcome::SuccessWith(_) => {
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

    fn act_on_agreement(
        &self,
        _: &mut dyn DocumentStore,
        _: &str,
        _: AgreementAct,
        _: &CodecContext,
    ) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
        Err(PhoneFault::NotMine)
    }

    fn envelope(
        &self,
        documents: &dyn DocumentStore,
        callback: &OutgoingCallback,
        mode: &FaultMode,
        context: &CodecContext,
    ) -> Result<Request, DocumentFault> {
        assert_eq!(context.nonce.len(), 32);
        let door = documents.get(DOOR)?.unwrap_or_else(|| "open".to_owned());
        let word = match mode {
            FaultMode::Honest | FaultMode::Refund { .. } | FaultMode::Share { .. } => "honest",
            FaultMode::BadSignature => "forged",
            FaultMode::WrongAmount => "too much",
            FaultMode::Unsigned => "unsigned",
            FaultMode::Probe => "probe",
            FaultMode::Error { .. } => "error",
        };
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Ok(Request {
            method: Method::Post,
            url: callback.url.clone(),
            headers: vec![
                header("X-Nonce", &context.nonce),
                header("X-DOOR", &door),
                header("X-Signed-At", &context.now.seconds().to_string()),
            ],
            body: format!("{} {word}", callback.text).into_bytes(),
        })
    }

    fn switch(
        &self,
        documents: &mut dyn DocumentStore,
        name: &str,
        arguments: &str,
        _: &CodecContext,
    ) -> Result<String, SwitchFault> {
        match (name, arguments) {
            ("close", "{}") => {
                documents.put(DOOR, "closed")?;
                Ok(r#"{"door":"closed"}"#.to_owned())
            }
            ("close", _) => Err(SwitchFault::Refused("nothing more is wanted".to_owned())),
            _ => Err(SwitchFault::Unknown),
        }
    }

    fn accepted(&self, _: &OutgoingCallback, response: &Response) -> bool {
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
