//! The outlets (门店) of a caller, a page at a time, as the configuration lists them.

use crate::sub_merchant::{Outlet, SubMerchant};
use dialect::check::{Read, required};
use dialect::json::Object;
use serde::Serialize;

/// The greatest number of a page, and the most outlets of one.
const PAGE_MAX: i64 = 10_000;
const PAGE_LEN_MAX: i64 = 1000;
/// `device_type`: takes payments by codes of either side. Devices are not told apart here.
const ANY_PAYMENT: u8 = 3;

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageAsked {
    number: usize,
    len: usize,
}

impl PageAsked {
    /// Reads and checks a request.
    pub(crate) fn read(asked: &Object<'_>) -> Read<PageAsked> {
        asked.required_text("nonce_str", 1..=32)?;
        let page = |name, max| {
            let number = required(name, asked.integer(name, 1..=max)?)?;
            Ok(usize::try_from(number).unwrap_or(usize::MAX))
        };
        Ok(PageAsked { number: page("page_num", PAGE_MAX)?, len: page("page_size", PAGE_LEN_MAX)? })
    }
}

/// The result of `query_sub_mch_shop_info`.
#[derive(Serialize)]
pub(crate) struct Page {
    nonce_str: String,
    shop_infos: Vec<ShopInfo>,
    total_count: usize,
}

/// `ShopInfo`
#[derive(Serialize)]
struct ShopInfo {
    shop_id: String,
    shop_name: String,
    out_shop_id: String,
    fee_type: &'static str,
    device_infos: Vec<DeviceInfo>,
    staff_infos: Vec<StaffInfo>,
}

/// `DeviceInfo`
#[derive(Serialize)]
struct DeviceInfo {
    device_id: String,
    device_type: u8,
    device_name: String,
}

/// `StaffInfo`
#[derive(Serialize)]
struct StaffInfo {
    staff_id: String,
    staff_name: String,
    shop_manager: bool,
}

impl Page {
    /// The page of a caller's outlets that is asked for; empty behind the last.
    pub(crate) fn of(caller: &SubMerchant, asked: PageAsked) -> Page {
        let before = asked.number.saturating_sub(1).saturating_mul(asked.len);
        let page = caller.outlets.iter().skip(before).take(asked.len);
        Page {
            nonce_str: crypto::random::hex_nonce(),
            shop_infos: page.map(ShopInfo::of).collect(),
            total_count: caller.outlets.len(),
        }
    }
}

impl ShopInfo {
    fn of(outlet: &Outlet) -> ShopInfo {
        let device = |id: &String| DeviceInfo {
            device_id: id.clone(),
            device_type: ANY_PAYMENT,
            device_name: id.clone(),
        };
        let person = |id: &String| StaffInfo {
            staff_id: id.clone(),
            staff_name: id.clone(),
            shop_manager: false,
        };
        ShopInfo {
            shop_id: outlet.out_shop_id.clone(),
            shop_name: outlet.name.clone(),
            out_shop_id: outlet.out_shop_id.clone(),
            fee_type: ledger::Currency::Cny.code(),
            device_infos: outlet.devices.iter().map(device).collect(),
            staff_infos: outlet.staff.iter().map(person).collect(),
        }
    }
}
