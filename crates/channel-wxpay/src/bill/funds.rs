//! 资金账单: changes of the balance.

use super::BillFault;
use super::table::{Line, Table, sum};
use channel::{BillRow, FundsDirection, FundsRow};

/// The summary's first column: how many rows there are.
pub(super) const SUMMARY: &str = "资金流水总笔数";

/// Columns of the summary: how many and how much, for each direction.
const SUMS: [(FundsDirection, &str, &str); 2] =
    [(FundsDirection::In, "收入笔数", "收入金额"), (FundsDirection::Out, "支出笔数", "支出金额")];

pub(super) fn rows(table: &Table<'_>) -> Result<Vec<BillRow>, BillFault> {
    let rows: Vec<FundsRow> = table.rows.iter().map(row).collect::<Result<_, _>>()?;
    check_summary(table, &rows)?;
    Ok(rows.into_iter().map(BillRow::Funds).collect())
}

fn check_summary(table: &Table<'_>, rows: &[FundsRow]) -> Result<(), String> {
    table.summary.check_count(SUMMARY, rows.len())?;
    for (direction, count, total) in SUMS {
        let those = || rows.iter().filter(|row| row.direction == direction);
        table.summary.check_count(count, those().count())?;
        table.summary.check_sum(total, sum(those().map(|row| Ok(row.amount)))?)?;
    }
    Ok(())
}

fn row(line: &Line<'_>) -> Result<FundsRow, String> {
    let channel_no = line.text("业务凭证号")?;
    Ok(FundsRow {
        funds_reference: line.text("资金流水单号")?.to_owned(),
        business_reference: line.text("微信支付业务单号")?.to_owned(),
        channel_no: (!channel_no.is_empty()).then(|| channel_no.to_owned()),
        purpose: line.text("业务类型")?.to_owned(),
        direction: direction(line)?,
        amount: line.fen("收支金额(元)")?,
        balance: line.fen("账户结余(元)")?,
        at: line.time("记账时间")?,
    })
}

fn direction(line: &Line<'_>) -> Result<FundsDirection, String> {
    match line.text("收支类型")? {
        "收入" => Ok(FundsDirection::In),
        "支出" => Ok(FundsDirection::Out),
        _ => Err(line.wrong("收支类型", "收入 or 支出")),
    }
}
