//! Bills through the codec, from the request to the rows. The golden files' hashes come from
//! `sha1sum`, the signatures from `openssl`.

use crate::sign::Authorization;
use crate::tests::{
    answer, bill_day, connection, connection_and, context, decode, fetch_bill, find_bill, request,
};
use channel::{
    Bill, BillFile, BillKind, BillRow, FileHash, Finding, FundsDirection, FundsRow, Instruction,
    PaymentRow, RefundRow, RefundStatus, Response, ShareStatus, SharedDirection, SharedRow,
};
use ledger::{Currency, Fen, Timestamp};

const TRADE: &str = include_str!("../../golden/trade_bill.csv");
const TRADE_SHA1: &str = "403274249671da508d2aa333d466335a40952a29";
const FUNDS: &str = include_str!("../../golden/fund_bill.csv");
const FUNDS_SHA1: &str = "24afd258705eca5dbe1f325edf8caae0f47b06e3";
const ANSWER: &str = include_str!("../../golden/bill_answer.json");
const FIND_SIGNATURE: &str = include_str!("../../golden/trade_bill.signature");
const FETCH_SIGNATURE: &str = include_str!("../../golden/bill_file.signature");
const URL: &str = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=6XIv5TUPto7pByrTQKhd6kwvyKLG2uY2wMMR8cNXqaA_Cv_isgaUtBzp4QtiozLO";

/// 2023-04-18 in Beijing, at this second of the day.
const fn on_the_day(second: i64) -> Timestamp {
    Timestamp::from_seconds(1_681_747_200 + second)
}

fn file(status: u16, body: &str) -> Response {
    Response { status, headers: vec![], body: body.as_bytes().to_vec() }
}

/// What a file means whose hash the channel named.
fn fetched(kind: BillKind, body: &str) -> Finding {
    let hash = FileHash::Sha1(crypto::hash::sha1_hex(body.as_bytes()));
    let asked = BillFile { day: bill_day(kind), url: URL.into(), hash };
    decode(&Instruction::FetchBill(asked), &file(200, body))
}

fn why(finding: Finding) -> String {
    match finding {
        Finding::Unknown { why } => why,
        other => panic!("unknown wanted: {other:?}"),
    }
}

#[test]
fn the_requests_are_signed_as_openssl_signs_them() {
    for (instruction, signature) in
        [(find_bill(), FIND_SIGNATURE), (fetch_bill(URL), FETCH_SIGNATURE)]
    {
        let request = request(&*connection(), &instruction);
        let header = request.header("authorization").and_then(Authorization::read);
        assert_eq!(header.expect("our own header").signature, signature.trim_end());
    }
    assert_eq!(request(&*connection(), &fetch_bill(URL)).url, URL);
}

#[test]
fn a_file_is_fetched_over_https_unless_the_account_is_at_a_sandbox() {
    let plain = fetch_bill("http://127.0.0.1:8081/v3/billdownload/file?token=1");
    assert!(connection().encode(&plain, &context()).is_err());
    let sandbox = connection_and(&[("base_url", "http://127.0.0.1:8081")]);
    assert!(sandbox.encode(&plain, &context()).is_ok());
}

#[test]
fn the_answer_names_the_file() {
    let want = BillFile {
        day: bill_day(BillKind::Trade),
        url: URL.into(),
        hash: FileHash::Sha1(TRADE_SHA1.into()),
    };
    assert_eq!(decode(&find_bill(), &answer(200, ANSWER.trim_end())), Finding::BillFile(want));
    let other = ANSWER.replace("SHA1", "SM3");
    assert_eq!(
        why(decode(&find_bill(), &answer(200, &other))),
        "hash_type: SM3 found, SHA1 wanted"
    );
}

#[test]
fn a_day_without_a_bill_is_told_from_one_whose_bill_is_not_made() {
    for (code, want) in [("NO_STATEMENT_EXIST", Bill::Empty), ("STATEMENT_CREATING", Bill::NotYet)]
    {
        let finding = decode(&find_bill(), &crate::tests::error(400, code));
        assert_eq!(finding, Finding::Bill(want));
    }
}

#[test]
fn a_trade_bill_is_read() {
    let asked = BillFile {
        day: bill_day(BillKind::Trade),
        url: URL.into(),
        hash: FileHash::Sha1(TRADE_SHA1.into()),
    };
    let finding = decode(&Instruction::FetchBill(asked), &file(200, TRADE));
    let payment = |number: &str, reference: &str, [fen, settled]: [i64; 2], fee, second| {
        BillRow::Payment(PaymentRow {
            channel_order_no: number.into(),
            payment_reference: reference.into(),
            amount: Fen::new(fen),
            settled_amount: Fen::new(settled),
            currency: Currency::Cny,
            fee: Fen::new(fee),
            at: on_the_day(second),
        })
    };
    let want = vec![
        payment("demo202211200001", "4200001800202304180123456789", [1_000, 1_000], 6, 33_796),
        payment("demo202211200002", "4200001800202304180123456790", [9_000, 8_805], 53, 75_899),
        BillRow::Refund(RefundRow {
            channel_refund_no: "R202304180001".into(),
            refund_reference: "50300806962023041801234567890".into(),
            channel_order_no: "demo202211200001".into(),
            payment_reference: "4200001800202304180123456789".into(),
            amount: Fen::new(300),
            settled_amount: Fen::new(300),
            fee: Fen::new(-2),
            status: RefundStatus::Processing,
            at: on_the_day(86_399),
        }),
    ];
    assert_eq!(finding, Finding::Bill(Bill::Rows(want)));
}

#[test]
fn a_fund_bill_is_read() {
    assert_eq!(crypto::hash::sha1_hex(FUNDS.as_bytes()), FUNDS_SHA1);
    let Finding::Bill(Bill::Rows(rows)) = fetched(BillKind::FundFlow, FUNDS) else {
        panic!("rows wanted")
    };
    let want = BillRow::Funds(FundsRow {
        funds_reference: "4200001800202304180123456789".into(),
        business_reference: "50300806962023041801234567890".into(),
        channel_no: Some("R202304180001".into()),
        purpose: "退款".into(),
        direction: FundsDirection::Out,
        amount: Fen::new(298),
        balance: Fen::new(10_696),
        at: on_the_day(86_399),
    });
    assert_eq!((rows.len(), rows.last()), (3, Some(&want)));
    let BillRow::Funds(fee) = &rows[1] else { panic!("funds wanted") };
    assert_eq!((fee.channel_no.as_deref(), fee.amount), (None, Fen::new(6)));
}

#[test]
fn columns_are_found_by_name_and_old_bills_lack_some() {
    let old = "商户订单号,微信订单号,交易状态,商户号,货币种类,应结订单金额,手续费,交易时间,费率\n\
        `demo1,`42,`SUCCESS,`1900009191,`CNY,`1.5,`0.0,`2023-04-18 00:00:00,`0.60%\n\
        总交易单数,应结订单总金额,手续费总金额\n`1.0,`1.50,`0\n";
    let Finding::Bill(Bill::Rows(rows)) = fetched(BillKind::Trade, old) else {
        panic!("rows wanted")
    };
    let [BillRow::Payment(row)] = &*rows else { panic!("one payment wanted") };
    assert_eq!((row.amount, row.at), (Fen::new(150), on_the_day(0)));
}

#[test]
fn a_file_without_rows_is_empty() {
    let (header, _) = TRADE.split_once("\r\n").expect("a header");
    let empty = format!(
        "{header}\n总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,\
         申请退款总金额\n`0,`0.00,`0.00,`0.00,`0.00,`0.00,`0.00\n"
    );
    assert_eq!(fetched(BillKind::Trade, &empty), Finding::Bill(Bill::Empty));
}

#[test]
fn a_file_with_another_hash_proves_nothing() {
    let asked = BillFile {
        day: bill_day(BillKind::Trade),
        url: URL.into(),
        hash: FileHash::Sha1(FUNDS_SHA1.into()),
    };
    let told = why(decode(&Instruction::FetchBill(asked), &file(200, TRADE)));
    assert!(told.contains(TRADE_SHA1) && told.contains(FUNDS_SHA1), "{told}");
}

/// A row that is missing, a total that is wrong, an amount that is not exact: nothing of it is read.
#[test]
fn a_file_that_does_not_add_up_is_not_read() {
    for (from, to, told) in [
        ("`98.05,`3.00", "`98.06,`3.00", "应结订单总金额"),
        ("`3,`98.05", "`4,`98.05", "总交易单数"),
        ("`0.57000,`100.00", "`0.58000,`100.00", "手续费总金额"),
        ("`100.00,`3.00\r\n", "`100.00,`3.01\r\n", "申请退款总金额"),
        ("`0.06000,`0.60%", "`0.06001,`0.60%", "手续费"),
        ("`SUCCESS,`CMB_DEBIT", "`PAID,`CMB_DEBIT", "交易状态"),
        ("`CNY,`10.00", "`USD,`10.00", "货币种类"),
        ("`PROCESSING", "`NEW", "退款状态"),
        ("`2023-04-18 09:23:16", "`2023-04-18T09:23:16", "交易时间"),
        (",商品名称", "", "values found"),
        (",手续费,", ",费用,", "手续费 wanted"),
        ("`3,`98.05", "3,`98.05", "backtick"),
        ("\r\n`3,`98.05,`3.00,`0.00,`0.57000,`100.00,`3.00\r\n", "\r\n", "a summary"),
        ("`100.00,`3.00\r\n", "`100.00,`3.00\r\n`1\r\n", "nothing after"),
    ] {
        let body = TRADE.replacen(from, to, 1);
        assert_ne!(body, TRADE, "{from}");
        let why = why(fetched(BillKind::Trade, &body));
        assert!(why.contains(told), "{from}: {why}");
        assert!(!why.contains("oXLUp5OHJof5768CoFFDuuaRn8kc"), "{why}");
    }
    for (from, to, told) in [
        ("`1,`10.00,`2", "`2,`10.00,`2", "收入笔数"),
        ("`2,`3.04", "`2,`3.05", "支出金额"),
        ("`收入,", "`转入,", "收支类型"),
    ] {
        let why = why(fetched(BillKind::FundFlow, &FUNDS.replacen(from, to, 1)));
        assert!(why.contains(told), "{from}: {why}");
    }
}

#[test]
fn the_bill_of_another_merchant_is_a_mismatch() {
    let other = TRADE.replace("`1900009191,", "`1900009192,");
    let finding = fetched(BillKind::Trade, &other);
    assert!(matches!(&finding, Finding::Mismatch { why } if why.contains("商户号")), "{finding:?}");
}

/// Without a sub-merchant in the request the bill has the rows of all, which belong to other accounts.
#[test]
fn the_rows_of_sub_merchants_are_left_to_their_accounts() {
    let with_sub = TRADE.replacen("`1900009191,`0,`,", "`1900009191,`1900000109,`,", 1);
    assert_ne!(with_sub, TRADE);
    let Finding::Bill(Bill::Rows(rows)) = fetched(BillKind::Trade, &with_sub) else {
        panic!("rows wanted")
    };
    assert_eq!(rows.len(), 2);
    let partner = connection_and(&[("sub_mchid", "1900000109")]);
    let hash = FileHash::Sha1(crypto::hash::sha1_hex(with_sub.as_bytes()));
    let asked = BillFile { day: bill_day(BillKind::Trade), url: URL.into(), hash };
    let asked = Instruction::FetchBill(asked);
    let finding = partner.decode(&asked, &file(200, &with_sub), &context());
    assert!(matches!(finding, Finding::Mismatch { .. }), "{finding:?}");
}

/// With the other names that its columns were seen under, a summary behind it, and the released rest.
const SHARED: &str = "\u{feff}分账时间,分账发起方,分账方,微信订单号,微信分账/回退单号,分账明细单号,\
    商户分账/回退单号,分账接收方,分账金额,业务类型,处理状态,分账描述,备注\r\n\
    `2023-04-18 10:00:00,`1900009191,`1900009191,`42,`300,`36000,`S1,`86693852,`8.88,`分账,`成功,`分给,商户,`\r\n\
    `2023-04-18 10:00:01,`1900009191,`1900009191,`42,`300,`36001,`S1,`1900009191,`1.00,`分账,`成功,`解冻,`\r\n\
    `2023-04-18 11:00:00,`1900009191,`1900009191,`42,`301,`,`U1,`86693852,`0.08,`分账回退,`FAILED,`回退,`\r\n\
    总笔数,总金额\r\n`3,`9.96\r\n";

#[test]
fn a_bill_of_shares_is_read_under_each_name_of_a_column() {
    let Finding::Bill(Bill::Rows(rows)) = fetched(BillKind::Sharing, SHARED) else {
        panic!("rows wanted")
    };
    let row = |direction, number: &str, reference: &str, fen, status, second| {
        BillRow::Shared(SharedRow {
            direction,
            channel_no: number.into(),
            reference: reference.into(),
            payment_reference: "42".into(),
            amount: Fen::new(fen),
            status,
            at: on_the_day(second),
        })
    };
    let want = [
        row(SharedDirection::Given, "S1", "36000", 888, ShareStatus::Done, 36_000),
        row(SharedDirection::Returned, "U1", "301", 8, ShareStatus::Failed, 39_600),
    ];
    assert_eq!(rows, want);
}

#[test]
fn a_bill_of_shares_that_says_something_else_is_not_read() {
    for (from, to, told) in [
        ("`分账,`成功,`分给", "`转账,`成功,`分给", "业务类型"),
        ("`FAILED", "`NEW", "处理状态"),
        ("`8.88", "`8.888", "分账金额"),
        ("`2023-04-18 10:00:00", "`10:00", "分账时间"),
        ("微信订单号", "订单号", "微信订单号 wanted"),
        (",`分给,商户,`\r\n", ",`分给\r\n", "values found"),
    ] {
        let body = SHARED.replacen(from, to, 1);
        assert_ne!(body, SHARED, "{from}");
        let why = why(fetched(BillKind::Sharing, &body));
        assert!(why.contains(told), "{from}: {why}");
    }
    let other = fetched(BillKind::Sharing, &SHARED.replace("`1900009191,`1900009191", "`1,`2"));
    assert_eq!(other, Finding::Bill(Bill::Empty), "rows of a sub-merchant");
}
