//! Receivers of shares at a channel: an instruction names them by their payees, whose accounts are sealed
//! in the database. The accounts are put in right before a call, and taken out of its finding, so that
//! neither a decision nor the event log ever has them.

use crate::Engine;
use crate::secrets::payee_context;
use channel::{Finding, Instruction, Receiver, ReceiverKind};
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
        let rows = payees.iter().filter_map(|id| view.payees.get(tenant, *id));
        let known = rows.filter_map(|row| known(engine, row).transpose());
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
            finding => finding,
        }
    }

    fn payee(&self, account: &str, kind: Option<ReceiverKind>) -> String {
        let is_it = |known: &&Known| {
            known.receiver.account == account && kind.is_none_or(|kind| known.receiver.kind == kind)
        };
        self.known.iter().find(is_it).map(|known| known.payee.clone()).unwrap_or_default()
    }
}

/// A payee with its account opened; nothing for one in the book.
fn known(engine: &Engine, row: &Payee) -> Result<Option<Known>, String> {
    let Some(account) = &row.account else { return Ok(None) };
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
    Ok(Some(Known { payee: row.id.to_string(), receiver }))
}
