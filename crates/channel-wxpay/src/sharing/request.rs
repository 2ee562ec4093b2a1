//! Instructions about sharing to requests.
//!
//! Names are sealed anew for every request, so only binding carries them, where a repeat need not say the
//! same: in a share they would make every repeat another text, and the channel compared them before.

use crate::connection::OpenAccount;
use crate::request::check_refund_number;
use crate::sharing::wire::{
    ReceiverRequest, ReturnRequest, ShareReceiver, ShareRequest, UnfreezeRequest,
};
use crate::sharing::{RULES, sharing_merchant, word};
use crate::{sign, wire};
use channel::{
    CodecContext, EncodeFault, Method, PlacedShare, PlacedShareReturn, Receiver, ReceiverKind,
    Request, Share, ShareItem, ShareReturn, SharedPayment, Unfreeze,
};
use std::collections::BTreeSet;

const RECEIVERS: &str = "/v3/profitsharing/receivers";
const SHARES: &str = "/v3/profitsharing/orders";
const RETURNS: &str = "/v3/profitsharing/return-orders";
const TRANSACTIONS: &str = "/v3/profitsharing/transactions";
/// Characters of a description.
const DESCRIPTION_LEN_MAX: usize = 80;
/// Characters of a receiver's number or id.
const RECEIVER_LEN_MAX: usize = 64;

impl OpenAccount {
    pub(crate) fn bind_receiver(
        &self,
        receiver: &Receiver,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        let (relation_type, custom_relation) = self.account.relation.members();
        let mut body = ReceiverRequest {
            relation_type: Some(relation_type),
            custom_relation,
            ..self.receiver(receiver)?
        };
        let mut named = None;
        if let Some(name) = self.name(receiver)? {
            let key = self.sealing_key(context)?;
            body.name = Some(key.seal(name)?);
            named = Some(key.serial);
        }
        let target = format!("{RECEIVERS}/add");
        let mut request = self.request(Method::Post, &target, wire::json(&body), context)?;
        if let Some(serial) = named {
            request.headers.retain(|(name, _)| name != sign::SERIAL);
            request.headers.push((sign::SERIAL.to_owned(), serial));
        }
        Ok(request)
    }

    pub(crate) fn unbind_receiver(
        &self,
        receiver: &Receiver,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        let (target, body) = (format!("{RECEIVERS}/delete"), self.receiver(receiver)?);
        self.request(Method::Post, &target, wire::json(&body), context)
    }

    pub(crate) fn share(
        &self,
        share: &Share,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        check_share_number(&share.channel_share_no)?;
        self.check_items(&share.items)?;
        let kinds = || share.items.iter().map(|item| item.receiver.kind);
        let body = ShareRequest {
            sub_mchid: self.sub_mchid(),
            appid: self.account.appid.clone(),
            sub_appid: kinds().find_map(|kind| self.sub_appid(kind).transpose()).transpose()?,
            transaction_id: share.payment.payment_reference.clone(),
            out_order_no: share.channel_share_no.clone(),
            receivers: share.items.iter().map(share_receiver).collect(),
            unfreeze_unsplit: share.releases_rest,
        };
        self.request(Method::Post, SHARES, wire::json(&body), context)
    }

    pub(crate) fn query_share(
        &self,
        placed: &PlacedShare,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        check_share_number(&placed.channel_share_no)?;
        let number = wire::percent_encoded(&placed.channel_share_no);
        let transaction = wire::percent_encoded(&placed.payment.payment_reference);
        let merchant = self.sub_mchid_parameter();
        let target = format!("{SHARES}/{number}?transaction_id={transaction}{merchant}");
        self.request(Method::Get, &target, Vec::new(), context)
    }

    pub(crate) fn unfreeze(
        &self,
        unfreeze: &Unfreeze,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        check_share_number(&unfreeze.channel_share_no)?;
        check_description(&unfreeze.description)?;
        let body = UnfreezeRequest {
            sub_mchid: self.sub_mchid(),
            transaction_id: unfreeze.payment.payment_reference.clone(),
            out_order_no: unfreeze.channel_share_no.clone(),
            description: unfreeze.description.clone(),
        };
        self.request(Method::Post, &format!("{SHARES}/unfreeze"), wire::json(&body), context)
    }

    pub(crate) fn query_unshared(
        &self,
        payment: &SharedPayment,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        let transaction = wire::percent_encoded(&payment.payment_reference);
        let target = format!("{TRANSACTIONS}/{transaction}/amounts");
        self.request(Method::Get, &target, Vec::new(), context)
    }

    pub(crate) fn return_share(
        &self,
        asked: &ShareReturn,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        check_share_number(&asked.channel_share_no)?;
        check_refund_number(&asked.channel_return_no, "channel_return_no")?;
        check_description(&asked.description)?;
        if asked.receiver.kind != ReceiverKind::Merchant {
            return Err(unsupported("receiver", "a merchant wanted: persons give nothing back"));
        }
        if !asked.amount.is_positive() {
            return Err(unsupported("amount", "above zero wanted"));
        }
        let body = ReturnRequest {
            sub_mchid: self.sub_mchid(),
            order_id: None,
            out_order_no: Some(asked.channel_share_no.clone()),
            out_return_no: asked.channel_return_no.clone(),
            return_mchid: asked.receiver.account.clone(),
            amount: asked.amount.get(),
            description: asked.description.clone(),
        };
        self.request(Method::Post, RETURNS, wire::json(&body), context)
    }

    pub(crate) fn query_share_return(
        &self,
        placed: &PlacedShareReturn,
        context: &CodecContext,
    ) -> Result<Request, EncodeFault> {
        check_share_number(&placed.channel_share_no)?;
        check_refund_number(&placed.channel_return_no, "channel_return_no")?;
        let number = wire::percent_encoded(&placed.channel_return_no);
        let share = wire::percent_encoded(&placed.channel_share_no);
        let merchant = self.sub_mchid_parameter();
        let target = format!("{RETURNS}/{number}?out_order_no={share}{merchant}");
        self.request(Method::Get, &target, Vec::new(), context)
    }

    fn receiver(&self, receiver: &Receiver) -> Result<ReceiverRequest, EncodeFault> {
        check_receiver(receiver)?;
        Ok(ReceiverRequest {
            sub_mchid: self.sub_mchid(),
            appid: self.account.appid.clone(),
            sub_appid: self.sub_appid(receiver.kind)?,
            kind: word(receiver.kind).to_owned(),
            account: receiver.account.clone(),
            name: None,
            relation_type: None,
            custom_relation: None,
        })
    }

    /// The name to seal. The channel compares a merchant's always, a person's where it is given.
    fn name<'a>(&self, receiver: &'a Receiver) -> Result<Option<&'a str>, EncodeFault> {
        let name = receiver.name.as_deref().filter(|name| !name.is_empty());
        match (name, receiver.kind) {
            (None, ReceiverKind::Merchant) => {
                Err(unsupported("receiver.name", "the merchant's registered name wanted"))
            }
            (name, _) => Ok(name),
        }
    }

    fn check_items(&self, items: &[ShareItem]) -> Result<(), EncodeFault> {
        if items.is_empty() || items.len() > RULES.receivers_max {
            let why = format!("1 to {} receivers wanted", RULES.receivers_max);
            return Err(EncodeFault::Unsupported { field: "items", why });
        }
        let mut seen = BTreeSet::new();
        for item in items {
            self.check_item(item)?;
            if !seen.insert((item.receiver.kind, &item.receiver.account)) {
                return Err(unsupported("items", "a receiver stands twice"));
            }
        }
        Ok(())
    }

    fn check_item(&self, item: &ShareItem) -> Result<(), EncodeFault> {
        let ShareItem { receiver, amount, description } = item;
        check_receiver(receiver)?;
        check_description(description)?;
        // Its own part comes with the released rest: as an item the two could not be told apart.
        let own = sharing_merchant(&self.account);
        if receiver.kind == ReceiverKind::Merchant && receiver.account == own {
            return Err(unsupported("receiver", "another one than the sharing merchant wanted"));
        }
        match amount.is_positive() {
            true => Ok(()),
            false => Err(unsupported("amount", "above zero wanted")),
        }
    }

    fn sub_mchid(&self) -> Option<String> {
        self.account.partner.as_ref().map(|partner| partner.sub_mchid.clone())
    }

    fn sub_mchid_parameter(&self) -> String {
        let sub_mchid = self.sub_mchid().map(|sub| wire::percent_encoded(&sub));
        sub_mchid.map(|sub| format!("&sub_mchid={sub}")).unwrap_or_default()
    }

    /// The sub-merchant's app, which the openids of its persons belong to.
    fn sub_appid(&self, kind: ReceiverKind) -> Result<Option<String>, EncodeFault> {
        if kind != ReceiverKind::SubPerson {
            return Ok(None);
        }
        match &self.account.partner {
            None => Err(unsupported("receiver", "only a service provider has such persons")),
            Some(partner) if partner.sub_appid.is_none() => Err(EncodeFault::Account {
                name: "sub_appid",
                why: "wanted for persons within the sub-merchant's app".to_owned(),
            }),
            Some(partner) => Ok(partner.sub_appid.clone()),
        }
    }
}

fn share_receiver(item: &ShareItem) -> ShareReceiver {
    ShareReceiver {
        kind: word(item.receiver.kind).to_owned(),
        account: item.receiver.account.clone(),
        name: None,
        amount: item.amount.get(),
        description: item.description.clone(),
    }
}

fn check_receiver(receiver: &Receiver) -> Result<(), EncodeFault> {
    let fits = (1..=RECEIVER_LEN_MAX).contains(&receiver.account.chars().count());
    match fits {
        true => Ok(()),
        false => Err(unsupported("receiver", "an account of 1 to 64 characters wanted")),
    }
}

fn check_share_number(number: &str) -> Result<(), EncodeFault> {
    check_refund_number(number, "channel_share_no")
}

/// Nothing is cut: half a text would be another.
fn check_description(description: &str) -> Result<(), EncodeFault> {
    match (1..=DESCRIPTION_LEN_MAX).contains(&description.chars().count()) {
        true => Ok(()),
        false => Err(unsupported("description", "1 to 80 characters wanted")),
    }
}

fn unsupported(field: &'static str, why: &str) -> EncodeFault {
    EncodeFault::unsupported(field, why)
}
