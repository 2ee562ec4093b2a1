//! A merchant's statement as CSV (RFC 4180). Pure.
//!
//! It begins with a byte order mark, without which Excel reads UTF-8 as the local code page. Ids stand
//! behind their kinds, because Excel keeps 15 digits of what looks like a number. Amounts are in fen.

use ledger::{Account, Id, Transfer, kinds};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use story::words::local;

const BYTE_ORDER_MARK: char = '\u{feff}';
const HEADER: &str = "time_shanghai,account,reason,amount_fen,subject,story,transfer\r\n";

/// A page of transfers.
pub(crate) struct Page {
    pub(crate) transfers: Vec<Transfer>,
    /// The last of a full page: there may be more.
    pub(crate) next: Option<Id<kinds::Transfer>>,
}

/// The first transfers of all accounts, each once. Each account's page has its first ones, so that the
/// first of all are among them.
pub(crate) fn merged(pages: Vec<Vec<Transfer>>, limit: u32) -> Page {
    let all = pages.into_iter().flatten().map(|transfer| (transfer.id, transfer));
    let all: BTreeMap<Id<kinds::Transfer>, Transfer> = all.collect();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_full = all.len() >= limit;
    let transfers: Vec<Transfer> = all.into_values().take(limit).collect();
    let next = transfers.last().filter(|_| is_full).map(|transfer| transfer.id);
    Page { transfers, next }
}

/// A line for each of the accounts that a transfer touched: what came is above zero, what went below.
pub(crate) fn csv(transfers: &[Transfer], accounts: &[Account]) -> String {
    let mut text = format!("{BYTE_ORDER_MARK}{HEADER}");
    for transfer in transfers {
        for (account, sign) in [(&transfer.debit, "-"), (&transfer.credit, "")] {
            if accounts.contains(account) {
                line(&mut text, transfer, account, sign);
            }
        }
    }
    text
}

/// None of the cells can hold a comma, a quote or the beginning of a formula: all are words of ours,
/// ids and numbers.
fn line(text: &mut String, transfer: &Transfer, account: &Account, sign: &str) {
    let Transfer { id, at, reason, amount, subject, root, .. } = transfer;
    let (kind, reason, fen) = (account.kind.name(), reason.name(), amount.get());
    let time = local(*at);
    // Writing to a text cannot fail.
    let _ =
        write!(text, "{time},{kind},{reason},{sign}{fen},{subject},story {root},transfer {id}\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{AccountKind, Fen, Phase, Reason, Timestamp};

    fn account(kind: AccountKind) -> Account {
        Account::new(kind, "CM1")
    }

    #[expect(clippy::disallowed_methods, reason = "ids for a test")]
    fn transfer(id: i64, debit: AccountKind, credit: AccountKind) -> Transfer {
        Transfer {
            id: Id::from_value(id),
            phase: Phase::Post,
            debit: account(debit),
            credit: account(credit),
            amount: Fen::new(700),
            reason: Reason::Allocation,
            subject: Id::<kinds::Order>::from_value(5).subject(),
            root: Id::from_value(5),
            at: Timestamp::from_seconds(1_795_000_000),
        }
    }

    #[test]
    fn each_account_of_the_merchant_has_its_line() {
        use AccountKind::{ChannelFunds, MerchantAvailable, MerchantPending};
        let own = [MerchantPending, MerchantAvailable].map(account);
        let moved = transfer(9, MerchantPending, MerchantAvailable);
        let paid = transfer(8, ChannelFunds, MerchantPending);
        let text = csv(&[paid, moved], &own);
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert_eq!(lines[0], format!("{BYTE_ORDER_MARK}{}", HEADER.trim_end()));
        assert_eq!(
            lines[1],
            "2026-11-18 19:06:40.000,merchant_pending,allocation,700,order 000000000000000005,\
             story 000000000000000005,transfer 000000000000000008"
        );
        assert!(lines[2].contains(",merchant_pending,allocation,-700,"), "{text}");
        assert!(lines[3].contains(",merchant_available,allocation,700,"), "{text}");
        assert_eq!(lines[4], "");
    }

    #[test]
    fn pages_are_merged_by_id_each_transfer_once() {
        use AccountKind::{MerchantAvailable, MerchantPending};
        let at = |id| transfer(id, MerchantPending, MerchantAvailable);
        let page = merged(vec![vec![at(1), at(3), at(4)], vec![at(1), at(2)]], 3);
        let ids: Vec<i64> = page.transfers.iter().map(|it| it.id.value()).collect();
        assert_eq!(ids, [1, 2, 3]);
        assert_eq!(page.next.map(Id::value), Some(3));
        let rest = merged(vec![vec![at(4)], vec![]], 3);
        assert_eq!((rest.transfers.len(), rest.next), (1, None));
    }
}
