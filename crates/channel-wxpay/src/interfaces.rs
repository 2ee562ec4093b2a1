//! A merchant with both interfaces, or with the older one alone: which of them carries out what.

use crate::settings::{AGREEMENTS, bad, given};
use crate::{connection, settings, v2};
use channel::{
    AgreementRules, BadSettings, BillKind, Callback, CallbackFault, ClientCertificate,
    CodecContext, Connection, EncodeFault, FetchedKeys, Finding, Instruction, PlatformKey, Request,
    Response, Scene, Settings, Step,
};
use ledger::Timestamp;

/// An interface of the channel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Api {
    V2,
    V3,
}

/// A merchant who uses the older interface for something.
struct Merchant {
    v2: v2::OpenAccount,
    /// Absent when nothing is configured of it.
    v3: Option<connection::OpenAccount>,
    /// Where orders go.
    orders: Api,
    /// Where payments with a payer's code go.
    swipes: Api,
}

/// Opens an account with the interfaces that its settings name.
pub(crate) fn open(
    settings: &Settings,
    keys: &[PlatformKey],
) -> Result<Box<dyn Connection>, BadSettings> {
    let orders = api(settings, "api")?.unwrap_or(Api::V3);
    let swipes = api(settings, "swipe_api")?.unwrap_or(orders);
    if orders == Api::V3 && given(settings, AGREEMENTS).is_some() {
        return Err(bad(AGREEMENTS, "only with api v2"));
    }
    let v3 = || settings::Account::read(settings).map(|it| connection::OpenAccount::new(it, keys));
    if (orders, swipes) == (Api::V3, Api::V3) {
        return Ok(Box::new(v3()?));
    }
    let v2 = v2::OpenAccount::new(v2::settings::Account::read(settings)?);
    let has_v3 = orders == Api::V3 || swipes == Api::V3 || given(settings, "apiv3_key").is_some();
    Ok(Box::new(Merchant { v2, v3: has_v3.then(v3).transpose()?, orders, swipes }))
}

fn api(settings: &Settings, name: &str) -> Result<Option<Api>, BadSettings> {
    match given(settings, name) {
        None => Ok(None),
        Some("v3") => Ok(Some(Api::V3)),
        Some("v2") => Ok(Some(Api::V2)),
        Some(_) => Err(bad(name, "v3 or v2 wanted")),
    }
}

impl Merchant {
    /// The newer interface, where it carries the instruction out.
    fn newer(&self, instruction: &Instruction) -> Option<&connection::OpenAccount> {
        let api = match instruction {
            Instruction::Place(place) if place.scene == Scene::Swipe => self.swipes,
            Instruction::Cancel(_) => self.swipes,
            Instruction::Place(_)
            | Instruction::Query(_)
            | Instruction::Close(_)
            | Instruction::Refund(_)
            | Instruction::QueryRefund(_) => self.orders,
            // Agreements are the older interface's alone.
            Instruction::SignAgreement(_)
            | Instruction::QueryAgreement(_)
            | Instruction::TerminateAgreement(_) => Api::V2,
            // The newer interface proves what it says of bills, and only it shares.
            Instruction::BindReceiver(_)
            | Instruction::UnbindReceiver(_)
            | Instruction::Share(_)
            | Instruction::QueryShare(_)
            | Instruction::Unfreeze(_)
            | Instruction::QueryUnshared(_)
            | Instruction::ReturnShare(_)
            | Instruction::QueryShareReturn(_)
            | Instruction::FetchKeys { .. }
            | Instruction::FindBill(_)
            | Instruction::FetchBill(_) => Api::V3,
        };
        self.v3.as_ref().filter(|_| api == Api::V3)
    }

    /// What the older interface does not have: keys to fetch, files of bills, sharing.
    fn without(instruction: &Instruction) -> Result<Step, EncodeFault> {
        match instruction {
            Instruction::FetchKeys { .. } => {
                Ok(Step::Answer(Finding::Keys(FetchedKeys::default())))
            }
            Instruction::FetchBill(_) => {
                Err(EncodeFault::unsupported("bill", "v2 sends the bill with its first answer"))
            }
            _ => Err(EncodeFault::unsupported("api", "v3 wanted, with its settings")),
        }
    }

    /// An order whose money would stay frozen, because nothing here shares it, is not placed.
    fn check_shared(&self, instruction: &Instruction) -> Result<(), EncodeFault> {
        match instruction {
            Instruction::Place(place) if place.is_shared && self.v3.is_none() => {
                Err(EncodeFault::unsupported("is_shared", "v3 wanted, with its settings"))
            }
            _ => Ok(()),
        }
    }
}

impl Connection for Merchant {
    fn identity(&self) -> String {
        self.v2.identity()
    }

    fn client_certificate(&self) -> Option<ClientCertificate> {
        Some(self.v2.client_certificate())
    }

    fn bills(&self) -> &'static [BillKind] {
        match &self.v3 {
            Some(v3) => v3.bills(),
            None => &[BillKind::Trade],
        }
    }

    /// An account whose orders go by v3 was not opened with plans.
    fn agreements(&self) -> Option<AgreementRules> {
        self.v2.agreements()
    }

    fn encode(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Step, EncodeFault> {
        if let Some(v3) = self.newer(instruction) {
            return v3.encode(instruction, context);
        }
        self.check_shared(instruction)?;
        match self.v2.encode(instruction, context)? {
            Some(step) => Ok(step),
            None => Merchant::without(instruction),
        }
    }

    fn decode(
        &self,
        instruction: &Instruction,
        response: &Response,
        context: &CodecContext,
    ) -> Finding {
        match self.newer(instruction) {
            Some(v3) => v3.decode(instruction, response, context),
            None => self.v2.decode(instruction, response, context),
        }
    }

    /// The API key never expires.
    fn has_keys(&self, now: Timestamp) -> bool {
        self.v3.as_ref().is_none_or(|v3| v3.has_keys(now))
    }

    /// The older interface notifies in XML.
    fn callback(&self, request: &Request, now: Timestamp) -> Result<Callback, CallbackFault> {
        let is_xml = request.body.trim_ascii_start().starts_with(b"<");
        match &self.v3 {
            Some(v3) if !is_xml => v3.callback(request, now),
            Some(_) | None => self.v2.callback(request, now),
        }
    }

    /// The newer interface reads the status alone.
    fn receipt(&self, accepted: bool) -> Response {
        self.v2.receipt(accepted)
    }
}
