//! What a payer is asked to sign, and how the phone finds it.

use super::contract;
use crate::counterpart::order;
use crate::counterpart::phone::refused;
use crate::counterpart::refusal::Refusal;
use crate::counterpart::route::decode;
use crate::counterpart::v2::admit;
use crate::counterpart::v2::words::{parties, want};
use crate::counterpart::world::{Merchant, World};
use crate::v2::sign::SignType;
use crate::v2::xml::Members;
use crate::wire::{Parties, SigningApp, SigningProgram};
use channel::{DocumentStore, PhoneFault};
use serde::{Deserialize, Serialize};

/// Where an h5 page for signing is.
pub(super) const LINK: &str = "https://wx.tenpay.com/papay/h5entrust?pre_entrustweb_id=";
/// The path of the page that a browser within WeChat opens.
const WEB: [&str; 2] = ["/papay/entrustweb?", "/papay/partner/entrustweb?"];
/// The mini program in which payers sign.
const PROGRAM: &str = "wxbd687630cd02ce1d";
/// Characters of the payer's account.
const ACCOUNT_LEN_MAX: usize = 128;
/// Digits of `request_serial`.
const SERIAL_LEN_MAX: usize = 12;

/// A page for signing.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::counterpart) struct Page {
    pub(super) parties: Parties,
    pub(super) plan_id: String,
    pub(super) contract_code: String,
    pub(super) request_serial: String,
    pub(super) display_account: String,
    pub(super) notify_url: String,
    /// What callbacks are signed with.
    pub(super) sign_type: SignType,
}

impl Page {
    /// The number of the merchant who signs.
    pub(super) fn mchid(&self) -> &str {
        let Parties { mchid, sp_mchid, .. } = &self.parties;
        sp_mchid.as_deref().or(mchid.as_deref()).unwrap_or_default()
    }

    /// Whether it is of the merchants who ask.
    pub(super) fn is_of(&self, parties: &Parties) -> bool {
        let Parties { mchid, sp_mchid, sub_mchid, .. } = parties;
        self.parties.mchid == *mchid
            && self.parties.sp_mchid == *sp_mchid
            && self.parties.sub_mchid == *sub_mchid
    }
}

/// The members of a link.
pub(super) fn members(target: &str) -> Members {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.fold(Members::default(), |members, (name, value)| {
        members.with(name, decode(value).unwrap_or_default())
    })
}

/// Reads and checks what a merchant signed.
pub(super) fn read(
    merchant: &Merchant,
    asked: &Members,
    sign_type: SignType,
) -> Result<Page, Refusal> {
    let digits = |name: &'static str, len_max: usize| {
        let text = want(asked, name)?;
        match text.len() <= len_max && text.bytes().all(|digit| digit.is_ascii_digit()) {
            true => Ok(text.to_owned()),
            false => Err(Refusal::field(name, "应为数字")),
        }
    };
    if asked.get("version").is_some_and(|version| version != "1.0") {
        return Err(Refusal::field("version", "取值为1.0"));
    }
    let timestamp = want(asked, "timestamp")?;
    if timestamp.len() != 10 || !timestamp.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Refusal::field("timestamp", "应为10位数字"));
    }
    let plan_id = digits("plan_id", 28)?;
    if !merchant.plan_ids.contains(&plan_id) {
        return Err(Refusal::new("PARAM_ERROR", "模板不存在或不属于该商户"));
    }
    let contract_code = want(asked, "contract_code")?.to_owned();
    let is_code = contract_code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_code || contract_code.len() > 128 {
        return Err(Refusal::field("contract_code", "字母和数字"));
    }
    let display_account = want(asked, "contract_display_account")?.to_owned();
    let is_long = display_account.chars().count() > ACCOUNT_LEN_MAX;
    if is_long || display_account.chars().any(|char| char.len_utf8() > 3) {
        return Err(Refusal::field("contract_display_account", "长度或字符不正确"));
    }
    let notify_url = want(asked, "notify_url")?.to_owned();
    if !notify_url.starts_with("http") || notify_url.contains('?') {
        return Err(Refusal::field("notify_url", "不能携带参数"));
    }
    let parties = parties(asked);
    order::check_binding(merchant, &parties)?;
    Ok(Page {
        parties,
        plan_id,
        contract_code,
        request_serial: digits("request_serial", SERIAL_LEN_MAX)?,
        display_account,
        notify_url,
        sign_type,
    })
}

/// The page that the phone opens with what the client got; `None` when it is another thing.
pub(in crate::counterpart) fn open(
    world: &World,
    documents: &dyn DocumentStore,
    sign_info: &str,
) -> Result<Option<Page>, PhoneFault> {
    if let Some(id) = sign_info.strip_prefix(LINK) {
        return prepared(documents, id).map(Some);
    }
    if WEB.iter().any(|path| sign_info.contains(path)) {
        return signed(world, members(sign_info)).map(Some);
    }
    if let Ok(handed) = serde_json::from_str::<SigningApp>(sign_info) {
        return prepared(documents, &handed.pre_entrustweb_id).map(Some);
    }
    match serde_json::from_str::<SigningProgram>(sign_info) {
        Ok(handed) if handed.app_id == PROGRAM => {
            let members = handed.extra_data.iter();
            let members =
                members.fold(Members::default(), |all, (name, text)| all.with(name, text.as_str()));
            signed(world, members).map(Some)
        }
        Ok(_) | Err(_) => Ok(None),
    }
}

fn prepared(documents: &dyn DocumentStore, id: &str) -> Result<Page, PhoneFault> {
    contract::page(documents, id)?.ok_or_else(|| refused("签约页面已失效"))
}

/// A page that no gate has looked at.
fn signed(world: &World, members: Members) -> Result<Page, PhoneFault> {
    let admitted = admit::admit_members(world, members).map_err(refused)?;
    read(admitted.merchant, &admitted.asked, admitted.sign_type)
        .map_err(|refusal| refused(&refusal.message))
}
