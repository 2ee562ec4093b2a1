//! Files to bills.

use super::*;
use crate::tests::{NOW, NUMBER, SELLER_ID, TRADE_NO, settings};
use channel::{BillRow, PaymentRow, RefundRow, RefundStatus};
use ledger::{Currency, Fen};
use std::io::{Cursor, Write as _};
use zip::write::SimpleFileOptions;

/// A ZIP of these texts in GBK.
pub(super) fn zip(texts: &[&str]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (at, text) in texts.iter().enumerate() {
        zip.start_file(format!("{at}.csv"), SimpleFileOptions::default()).expect("a file");
        let (bytes, _, _) = encoding_rs::GBK.encode(text);
        zip.write_all(&bytes).expect("memory does not fail");
    }
    zip.finish().expect("memory does not fail").into_inner()
}

fn account() -> Account {
    Account::read(&settings()).expect("good settings")
}

fn day() -> BillDay {
    BillDay { kind: BillKind::Trade, date: "2023-04-19".parse().expect("a date") }
}

const PAID: &str = "2023041922001425131400000001\t,demo202211200001\t,交易,杂粮煎饼, 豆浆      ,\
    2023-04-19 09:22:50,2023-04-19 09:23:16,,,,,*张三(159****5620)\t,10.00,9.50,0.00,0.00,0.00,\
    0.50,0.00,,0.00,0.00,,-0.06,0.00,      ";
const REFUND: &str = "2023041922001425131400000001\t,demo202211200001\t,退款,杂粮煎饼      ,\
    2023-04-19 09:22:50,2023-04-19 10:00:00,,,,,*张三(159****5620)\t,-3.00,-2.85,0.00,0.00,0.00,\
    -0.15,0.00,,0.00,0.00,R202304190001\t,0.02,0.00,      ";

fn text(rows: &[&str]) -> String {
    let header = trade::COLUMNS.join(",");
    let rows = rows.join("\r\n");
    format!(
        "#支付宝业务明细查询\r\n#账号：[{SELLER_ID}0156]\r\n#起始日期：[2023年04月19日 00:00:00]\r\n\
         #-----业务明细列表-----\r\n{header}\r\n{rows}\r\n#-----业务明细列表结束-----\r\n\
         #交易合计：1笔，商家实收共9.50元\r\n"
    )
}

fn read(rows: &[&str]) -> Result<Bill, BillFault> {
    super::rows(&account(), &day(), &zip(&[&text(rows)]))
}

#[test]
fn payments_and_refunds_are_read() {
    let paid = PaymentRow {
        channel_order_no: NUMBER.to_owned(),
        payment_reference: TRADE_NO.to_owned(),
        amount: Fen::new(1000),
        settled_amount: Fen::new(950),
        currency: Currency::Cny,
        fee: Fen::new(6),
        at: NOW,
    };
    let refund = RefundRow {
        channel_refund_no: "R202304190001".to_owned(),
        refund_reference: "R202304190001".to_owned(),
        channel_order_no: NUMBER.to_owned(),
        payment_reference: TRADE_NO.to_owned(),
        amount: Fen::new(300),
        settled_amount: Fen::new(285),
        fee: Fen::new(-2),
        status: RefundStatus::Done,
        at: NOW.plus_seconds(36 * 60 + 44),
    };
    let want = Bill::Rows(vec![BillRow::Payment(paid), BillRow::Refund(refund)]);
    assert_eq!(read(&[PAID, REFUND]), Ok(want));
    assert_eq!(read(&[]), Ok(Bill::Empty));
}

/// A refund that was made at the channel's own desk, as one whose request had no number, is the order's.
#[test]
fn a_refund_without_a_number_has_the_orders() {
    let Ok(Bill::Rows(rows)) = read(&[&REFUND.replace("R202304190001", "")]) else {
        panic!("the bill is not read")
    };
    let [BillRow::Refund(refund)] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(refund.channel_refund_no, NUMBER);
}

#[test]
fn what_is_not_as_wanted_is_said_and_not_shown() {
    for (row, why) in [
        (PAID.replace("10.00", "10.001"), "line 6: 订单金额（元）: yuan wanted"),
        (PAID.replace("9.50", "10.50"), "line 6: 商家实收（元）: a part of the amount wanted"),
        (REFUND.replace("-3.00", "3.00"), "above zero"),
        (PAID.replace("04-19 09:23", "04-20 09:23"), "line 6: 完成时间: a time of the day wanted"),
        (PAID.replace("交易", "转账"), "line 6: 业务类型"),
        ("2023041922001425131400000001,x".to_owned(), "line 6: 2 values found, 25 wanted"),
        (PAID.replace(",0.00,      ", ",0.00,a,b"), "wanted"),
    ] {
        let Err(BillFault::Unreadable(found)) = read(&[&row]) else { panic!("{row} is read") };
        assert!(found.contains(why) && !found.contains("张三"), "{why}: {found}");
    }
}

#[test]
fn another_sellers_bill_is_a_mismatch() {
    let other = text(&[PAID]).replace(SELLER_ID, "2088999999999999");
    let found = super::rows(&account(), &day(), &zip(&[&other]));
    assert!(matches!(found, Err(BillFault::NotOurs(_))), "{found:?}");
    let unnamed = text(&[PAID]).replace("账号", "编号");
    assert!(super::rows(&account(), &day(), &zip(&[&unnamed])).is_err());
}

#[test]
fn a_day_without_a_bill_is_empty_once_bills_are_made() {
    let head = |sub_code: &str| Head {
        code: "40004".to_owned(),
        sub_code: Some(sub_code.to_owned()),
        ..Head::default()
    };
    let ten = day().ends_at().plus_seconds(MADE_SECONDS);
    for code in ["NO_BILL_DATA", "isp.bill_not_exist"] {
        assert_eq!(none(&day(), &head(code), ten), Some(Finding::Bill(Bill::Empty)));
        assert_eq!(none(&day(), &head(code), ten.plus_ms(-1)), Some(Finding::Bill(Bill::NotYet)));
    }
    assert_eq!(none(&day(), &head("ACQ.SYSTEM_ERROR"), ten), None);
}

#[test]
fn a_file_is_fetched_over_tls_where_calls_are() {
    let content = |url: &str| format!(r#"{{"bill_download_url":"{url}"}}"#);
    let found = |url: &str| super::found(&account(), day(), &content(url));
    let url = "https://dwbillcenter.alipay.com/downloadBillFile.resource?fileId=1";
    let file = BillFile { day: day(), url: url.to_owned(), hash: FileHash::Unstated };
    assert_eq!(found(url), Finding::BillFile(file));
    for bad in ["http://dwbillcenter.alipay.com/x", "ftp://a/b", ""] {
        assert!(matches!(found(bad), Finding::Unknown { .. }), "{bad}");
    }
}
