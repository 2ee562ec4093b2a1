//! Amounts in yuan, as bills write them.

use ledger::Fen;

/// Reads an amount in yuan exactly. Digits after the fen must be zeros: fees are written with five.
pub(crate) fn read(yuan: &str) -> Option<Fen> {
    let (digits, sign) = match yuan.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (yuan, 1),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "00"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(whole) || !are_digits(part) {
        return None;
    }
    let (fen, less) = part.split_at(part.len().min(2));
    if less.bytes().any(|digit| digit != b'0') {
        return None;
    }
    let fen: i64 = format!("{fen:0<2}").parse().ok()?;
    let total = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(fen)?;
    total.checked_mul(sign).map(Fen::new)
}

/// Writes an amount in yuan.
pub(crate) fn write(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let amount = fen.unsigned_abs();
    format!("{sign}{}.{:02}", amount / 100, amount % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (yuan, want) in [
            ("88.00", Some(8_800)),
            ("0.01", Some(1)),
            ("0.1", Some(10)),
            ("12", Some(1_200)),
            ("0.00000", Some(0)),
            ("0.06000", Some(6)),
            ("-0.06000", Some(-6)),
            ("92233720368547758.07", Some(i64::MAX)),
            ("92233720368547758.08", None),
            ("0.00600", None),
            ("0.001", None),
            ("1.", None),
            (".5", None),
            ("", None),
            ("-", None),
            ("+1", None),
            ("1e2", None),
            ("1,000.00", None),
            (" 1.00", None),
        ] {
            assert_eq!(read(yuan), want.map(Fen::new), "{yuan:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (fen, text) in [(0, "0.00"), (1, "0.01"), (8_805, "88.05"), (-30, "-0.30")] {
            assert_eq!(write(fen), text);
            assert_eq!(read(text), Some(Fen::new(fen)));
        }
    }
}
