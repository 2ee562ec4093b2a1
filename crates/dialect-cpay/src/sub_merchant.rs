//! Who calls: the merchants (子商户) of a service provider (服务商), their outlets (门店), and what the
//! configuration says of them.
//!
//! A 子商户 is a merchant of a tenant, with numbers of this API's own and keys that no other API takes.

use crate::wire::is_number;
use channel::CallableUrl;
use crypto::Secret;
use crypto::rsa::PssVerifier;
use kernel::{MerchantId, TenantId};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The length of an `authen_key`, in characters; issued are 32.
const AUTHEN_KEY_LEN: RangeInclusive<usize> = 16..=128;
/// The greatest length of an order prefix, in characters: something must be left for the number.
const PREFIX_LEN_MAX: usize = 20;
/// The greatest length of the name of an outlet, in characters.
const NAME_LEN_MAX: usize = 32;
/// The greatest length of the id of a device or of a member of the staff, in characters.
pub(crate) const CLIENT_ID_LEN_MAX: usize = 64;

/// A 子商户, as it is declared.
#[derive(Clone, Debug)]
pub struct SubMerchant {
    /// The tenant to which it belongs.
    pub tenant: TenantId,
    /// The merchant of that tenant that it is.
    pub merchant: MerchantId,
    /// The number of its 服务商.
    pub out_mch_id: String,
    /// Its own number, unique in the installation.
    pub out_sub_mch_id: String,
    /// What its order and refund numbers begin with (云支付订单前缀).
    pub order_prefixes: Vec<String>,
    /// The key of its codes of authentication.
    pub authen_key: Secret,
    /// The public half of its signature key, PEM; without it nothing is taken that is signed.
    pub public_key_pem: Option<String>,
    /// Where it is notified, unless an order says otherwise (交易完成回调 URL).
    pub notify_url: Option<String>,
    /// Its outlets.
    pub outlets: Vec<Outlet>,
}

/// A 门店, as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlet {
    /// Its number.
    pub out_shop_id: String,
    /// Its name, for people.
    pub name: String,
    /// The devices that call from there; any where the list is empty.
    pub devices: Vec<String>,
    /// The people who call from there; any where the list is empty.
    pub staff: Vec<String>,
}

/// Why a declaration cannot be used. It begins with the name of the table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cpay: {owner}: {what}")]
pub struct DeclarationFault {
    owner: String,
    what: String,
}

/// A 子商户 with its keys ready to use.
pub(crate) struct Registered {
    pub(crate) declared: SubMerchant,
    pub(crate) verifier: Option<PssVerifier>,
    /// Its name among callers.
    pub(crate) key_id: Arc<str>,
}

/// Every 子商户 of an installation.
#[derive(Default)]
pub struct SubMerchants {
    by_id: HashMap<String, Arc<Registered>>,
    by_outlet: HashMap<String, Arc<Registered>>,
}

impl SubMerchants {
    /// Takes a declaration.
    ///
    /// # Errors
    /// When a part of it is wrong, or two of them could be confused.
    pub fn new(declared: Vec<SubMerchant>) -> Result<SubMerchants, DeclarationFault> {
        check_together(&declared)?;
        let mut all = SubMerchants::default();
        for one in declared {
            one.check()?;
            let pem = one.public_key_pem.as_deref();
            let verifier = pem.map(PssVerifier::from_public_pem).transpose();
            let verifier = verifier.map_err(|fault| one.wrong(&format!("public_key: {fault}")))?;
            let key_id = Arc::from(format!("cpay:{}", one.out_sub_mch_id));
            let one = Arc::new(Registered { declared: one, verifier, key_id });
            let declared = &one.declared;
            let outlets = declared.outlets.iter().map(|outlet| outlet.out_shop_id.clone());
            all.by_outlet.extend(outlets.map(|id| (id, one.clone())));
            all.by_id.insert(declared.out_sub_mch_id.clone(), one.clone());
        }
        Ok(all)
    }

    pub(crate) fn get(&self, out_sub_mch_id: &str) -> Option<&Arc<Registered>> {
        self.by_id.get(out_sub_mch_id)
    }

    /// A key of somebody, for work whose result is not used.
    pub(crate) fn any_verifier(&self) -> Option<&PssVerifier> {
        self.by_id.values().find_map(|one| one.verifier.as_ref())
    }

    /// The one that has an outlet: devices name nothing else.
    pub(crate) fn of_outlet(&self, out_shop_id: &str) -> Option<&Arc<Registered>> {
        self.by_outlet.get(out_shop_id)
    }
}

impl fmt::Debug for SubMerchants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_id.keys()).finish()
    }
}

impl SubMerchant {
    fn check(&self) -> Result<(), DeclarationFault> {
        for (name, id) in
            [("out_mch_id", &self.out_mch_id), ("out_sub_mch_id", &self.out_sub_mch_id)]
        {
            check_id(name, id).map_err(|what| self.wrong(&what))?;
        }
        if self.order_prefixes.is_empty() {
            return Err(self.wrong("order_prefixes: want at least one"));
        }
        let is_prefix = |text: &String| text.len() <= PREFIX_LEN_MAX && is_number(text);
        if let Some(prefix) = self.order_prefixes.iter().find(|prefix| !is_prefix(prefix)) {
            return Err(self.wrong(&format!(
                "order_prefixes: found {prefix:?}, want 1 to {PREFIX_LEN_MAX} letters, digits, _ and -"
            )));
        }
        let key = self.authen_key.check(AUTHEN_KEY_LEN);
        key.map_err(|fault| self.wrong(&format!("authen_key: {fault}")))?;
        if let Some(url) = &self.notify_url {
            let read = CallableUrl::read(url);
            read.map_err(|fault| self.wrong(&format!("notify_url: {fault}")))?;
        }
        self.check_outlets()
    }

    fn check_outlets(&self) -> Result<(), DeclarationFault> {
        if self.outlets.is_empty() {
            return Err(self.wrong("want at least one [[cpay.shop]]"));
        }
        let mut seen = HashSet::new();
        for outlet in &self.outlets {
            outlet.check().map_err(|what| self.wrong(&what))?;
            if !seen.insert(&outlet.out_shop_id) {
                let id = &outlet.out_shop_id;
                return Err(self.wrong(&format!("out_shop_id {id} appears twice")));
            }
        }
        Ok(())
    }

    fn wrong(&self, what: &str) -> DeclarationFault {
        DeclarationFault { owner: self.out_sub_mch_id.clone(), what: what.to_owned() }
    }

    /// An outlet, by its number.
    pub(crate) fn outlet(&self, out_shop_id: &str) -> Option<&Outlet> {
        self.outlets.iter().find(|outlet| outlet.out_shop_id == out_shop_id)
    }

    /// Whether a number begins as its numbers do, and goes on.
    pub(crate) fn has_prefix(&self, number: &str) -> bool {
        let rest = |prefix: &String| number.strip_prefix(prefix.as_str());
        self.order_prefixes.iter().filter_map(rest).any(|rest| !rest.is_empty())
    }
}

impl Outlet {
    fn check(&self) -> Result<(), String> {
        check_id("out_shop_id", &self.out_shop_id)?;
        let name_len = self.name.chars().count();
        if name_len > NAME_LEN_MAX || self.name.chars().any(char::is_control) {
            return Err(format!("name: want at most {NAME_LEN_MAX} characters on one line"));
        }
        for (list, ids) in [("devices", &self.devices), ("staff", &self.staff)] {
            let fits = |id: &&String| (1..=CLIENT_ID_LEN_MAX).contains(&id.chars().count());
            if let Some(id) = ids.iter().find(|id| !fits(id)) {
                return Err(format!(
                    "{list}: found {id:?}, want 1 to {CLIENT_ID_LEN_MAX} characters"
                ));
            }
        }
        Ok(())
    }

    /// Whether a device may call from here.
    pub(crate) fn has_device(&self, device_id: &str) -> bool {
        self.devices.is_empty() || self.devices.iter().any(|known| known == device_id)
    }

    /// Whether somebody may call from here.
    pub(crate) fn has_staff(&self, staff_id: &str) -> bool {
        self.staff.is_empty() || self.staff.iter().any(|known| known == staff_id)
    }
}

/// That no two can be confused: by their numbers, by the merchant that they are, or by what the numbers
/// of their orders begin with.
fn check_together(all: &[SubMerchant]) -> Result<(), DeclarationFault> {
    let mut ids = HashSet::new();
    let mut merchants = HashSet::new();
    for (at, one) in all.iter().enumerate() {
        if !ids.insert(&one.out_sub_mch_id) {
            return Err(one.wrong("appears twice"));
        }
        if !merchants.insert((&one.tenant, &one.merchant)) {
            let merchant = &one.merchant;
            return Err(one.wrong(&format!("merchant {merchant} is another one's already")));
        }
        for other in all.iter().take(at) {
            let clash = one.order_prefixes.iter().find(|prefix| {
                let others = other.order_prefixes.iter();
                let mut others = others.map(String::as_str);
                others.any(|other| prefix.starts_with(other) || other.starts_with(prefix.as_str()))
            });
            if let Some(prefix) = clash {
                let other = &other.out_sub_mch_id;
                return Err(one.wrong(&format!("order_prefixes: {prefix} clashes with {other}'s")));
            }
            let mut outlets = one.outlets.iter().map(|outlet| &outlet.out_shop_id);
            if let Some(id) = outlets.find(|id| other.outlet(id).is_some()) {
                let other = &other.out_sub_mch_id;
                return Err(one.wrong(&format!("out_shop_id {id} is {other}'s already")));
            }
        }
    }
    Ok(())
}

fn check_id(name: &str, id: &str) -> Result<(), String> {
    match is_number(id) {
        true => Ok(()),
        false => Err(format!("{name}: found {id:?}, want 1 to 32 letters, digits, _ and -")),
    }
}
