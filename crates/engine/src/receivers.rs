//! Receivers of shares at a channel: an instruction names them by their payees, whose accounts are sealed
//! in the database. The accounts are put in right before a call, and taken out of its finding, so that
//! neither a decision nor the event log ever has them.

use crate::Engine;
use crate::secrets::payee_context;
use channel::{Finding, Instruction, Receiver, ReceiverKind, Unproven};
use kernel::{Key, Payee, Reads, TenantId};
use ledger::{Id, kinds};

/// The receivers that a call can name.
#[derive(Default)]
pub(crate) struct Receivers {
    known: Vec<Known>,
}

/// A payee, and who it is at the channel.
struct Known {
    payee: String,
    receiver: Receiver,
}

impl Receivers {
    /// Opens the accounts of payees; the reason when one cannot be opened.
    pub(crate) async fn open(
        engine: &Engine,
        tenant: &TenantId,
        payees: &[Id<kinds::Payee>],
    ) -> Result<Receivers, String> {
        if payees.is_empty() {
            return Ok(Receivers::default());
        }
        let wanted = payees.iter().map(|id| (tenant.clone(), Key::Id(*id))).collect();
        let reads = Reads { payees: wanted, ..Reads::default() };
        let view = engine.rows(&reads).await.map_err(|fault| fault.to_string())?;
        let known = payees.iter().map(|id| match view.payees.get(tenant, *id) {
            Some(row) => known(engine, row),
            None => Err(format!("payee {id} does not exist")),
        });
        Ok(Receivers { known: known.collect::<Result<_, String>>()? })
    }

    /// The instruction with accounts in place of payees.
    pub(crate) fn fill(&self, instruction: &Instruction) -> Instruction {
        let mut instruction = instruction.clone();
        match &mut instruction {
            Instruction::BindReceiver(receiver) | Instruction::UnbindReceiver(receiver) => {
                self.fill_one(receiver);
            }
            Instruction::Share(share) => {
                share.items.iter_mut().for_each(|item| self.fill_one(&mut item.receiver));
            }
            Instruction::ReturnShare(returning) => self.fill_one(&mut returning.receiver),
            _ => {}
        }
        instruction
    }

    fn fill_one(&self, receiver: &mut Receiver) {
        if let Some(known) = self.known.iter().find(|known| known.payee == receiver.account) {
            receiver.clone_from(&known.receiver);
        }
    }

    /// The finding with payees in place of accounts. An account that is not a payee's is hidden.
    pub(crate) fn strip(&self, finding: Finding) -> Finding {
        match finding {
            Finding::Share(mut shared) => {
                for item in &mut shared.items {
                    item.account = self.payee(&item.account, Some(item.kind));
                }
                Finding::Share(shared)
            }
            Finding::ShareReturn(mut returned) => {
                returned.account = self.payee(&returned.account, None);
                Finding::ShareReturn(returned)
            }
            finding => with_texts(finding, |text| self.hide(text)),
        }
    }

    /// A text with payees in place of their accounts and names: channels repeat them in their messages.
    pub(crate) fn hide(&self, text: String) -> String {
        self.known.iter().fold(text, |text, Known { payee, receiver }| {
            let secrets = [Some(&receiver.account), receiver.name.as_ref()];
            let secrets = secrets.into_iter().flatten().filter(|secret| !secret.is_empty());
            secrets.fold(text, |text, secret| text.replace(secret, payee))
        })
    }

    fn payee(&self, account: &str, kind: Option<ReceiverKind>) -> String {
        let is_it = |known: &&Known| {
            known.receiver.account == account && kind.is_none_or(|kind| known.receiver.kind == kind)
        };
        self.known.iter().find(is_it).map(|known| known.payee.clone()).unwrap_or_default()
    }
}

/// The finding with what the channel says in words changed.
pub(crate) fn with_texts(finding: Finding, hide: impl Fn(String) -> String) -> Finding {
    match finding {
        Finding::Refused { code, text } => Finding::Refused { code, text: hide(text) },
        Finding::Failed { code, text } => Finding::Failed { code, text: hide(text) },
        Finding::Unfunded { code, text } => Finding::Unfunded { code, text: hide(text) },
        Finding::Later { code, text } => Finding::Later { code, text: hide(text) },
        Finding::AccountFault { code, text } => Finding::AccountFault { code, text: hide(text) },
        Finding::Unproven(Unproven::Refused { code, text }) => {
            Finding::Unproven(Unproven::Refused { code, text: hide(text) })
        }
        Finding::Unknown { why } => Finding::Unknown { why: hide(why) },
        Finding::Mismatch { why } => Finding::Mismatch { why: hide(why) },
        finding => finding,
    }
}

/// A payee with its account opened.
fn known(engine: &Engine, row: &Payee) -> Result<Known, String> {
    let account = row.account.as_ref();
    let account = account.ok_or_else(|| format!("payee {} is not at a channel", row.id))?;
    let open = |field, sealed| {
        let context = payee_context(&row.tenant, &row.key(), field);
        let opened = engine.secrets().unseal(&context, sealed);
        opened.map(|secret| secret.expose().to_owned())
    };
    let opened = open("account", &account.number).and_then(|number| {
        let name = row.name.as_ref().map(|sealed| open("name", sealed)).transpose()?;
        Ok(Receiver { kind: account.kind, account: number, name })
    });
    let receiver = opened.map_err(|fault| format!("payee {}: {fault}", row.id))?;
    Ok(Known { payee: row.id.to_string(), receiver })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "oXLUp5OHJof5768CoFFDuuaRn8kc";

    fn receivers() -> Receivers {
        let name = Some("张三".to_owned());
        let account = ACCOUNT.to_owned();
        let receiver = Receiver { kind: ReceiverKind::Person, account, name };
        Receivers { known: vec![Known { payee: "7".to_owned(), receiver }] }
    }

    #[test]
    fn what_a_channel_repeats_of_a_payee_is_hidden() {
        let said = format!("receiver {ACCOUNT} (张三) has no relation");
        let hidden = "receiver 7 (7) has no relation";
        let (code, text) = ("PARAM_ERROR".to_owned(), said.clone());
        for finding in [
            Finding::Refused { code: code.clone(), text: text.clone() },
            Finding::Failed { code: code.clone(), text: text.clone() },
            Finding::Unfunded { code: code.clone(), text: text.clone() },
            Finding::Later { code: code.clone(), text: text.clone() },
            Finding::AccountFault { code: code.clone(), text: text.clone() },
            Finding::Unproven(Unproven::Refused { code, text }),
            Finding::Unknown { why: said.clone() },
            Finding::Mismatch { why: said.clone() },
        ] {
            let stripped = receivers().strip(finding).describe();
            assert!(stripped.ends_with(hidden), "{stripped}");
        }
        assert_eq!(receivers().hide(said), hidden);
    }
}
