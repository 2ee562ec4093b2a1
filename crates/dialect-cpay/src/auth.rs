//! Who calls: proved over the text of the request as it came.

use crate::envelope::Form;
use crate::faults::Fault;
use crate::sub_merchant::{Registered, SubMerchants};
use crypto::{hash, text};
use dialect::check::{Malformed, Read, required};
use dialect::json::Object;
use std::sync::Arc;

/// The only type of code: HMAC-SHA256. MD5 is listed as 2, and nothing says how it is computed.
pub(crate) const AUTHEN_TYPE: i64 = 1;
/// The only type of signature: RSASSA-PSS with SHA-256.
const SIGN_TYPE: i64 = 1;
/// The greatest length of a code or signature, in characters.
const PROOF_LEN_MAX: usize = 2048;

/// What a caller is told who is not known, or whose proof does not hold.
pub(crate) const FAILED: &str = "authentication failed";

/// What stands beside a text to prove who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof<'o> {
    /// A code under the shared key.
    Code(&'o str),
    /// A signature.
    Signature(&'o str),
}

/// Which proofs a call takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// A code.
    Code,
    /// A code or a signature.
    CodeOrSignature,
}

impl<'o> Proof<'o> {
    /// Reads `authen_info`, which holds one of two members.
    pub(crate) fn read(outer: &'o Object<'_>) -> Read<Proof<'o>> {
        let info = required("authen_info", outer.object("authen_info")?)?;
        Proof::read_inside(info).map_err(|fault| fault.inside("authen_info"))
    }

    /// Reads the code of the short form, which is of the only type.
    pub(crate) fn read_brief(outer: &'o Object<'_>) -> Read<Proof<'o>> {
        Ok(Proof::Code(outer.required_text("a", 1..=PROOF_LEN_MAX)?))
    }

    fn read_inside(info: &'o Object<'_>) -> Read<Proof<'o>> {
        match (info.object("a")?, info.object("s")?) {
            (Some(code), None) => read_code(code).map_err(|fault| fault.inside("a")),
            (None, Some(sign)) => read_signature(sign).map_err(|fault| fault.inside("s")),
            (Some(_), Some(_)) => Err(Malformed::new("", "a and s, want one of them")),
            (None, None) => Err(Malformed::new("", "want a or s")),
        }
    }
}

fn read_code<'o>(code: &'o Object<'_>) -> Read<Proof<'o>> {
    required("authen_type", code.integer("authen_type", AUTHEN_TYPE..=AUTHEN_TYPE)?)?;
    Ok(Proof::Code(code.required_text("authen_code", 1..=PROOF_LEN_MAX)?))
}

/// The published sample code names the signature otherwise than the published table.
fn read_signature<'o>(sign: &'o Object<'_>) -> Read<Proof<'o>> {
    required("sign_type", sign.integer("sign_type", SIGN_TYPE..=SIGN_TYPE)?)?;
    let signature = match sign.text("sign", 1..=PROOF_LEN_MAX)? {
        Some(signature) => signature,
        None => match sign.text("signature", 1..=PROOF_LEN_MAX)? {
            Some(signature) => signature,
            None => return Err(Malformed::new("sign", "missing")),
        },
    };
    Ok(Proof::Signature(signature))
}

/// The 子商户 that a request names, once its proof holds. One that is not known, one of another 服务商
/// and a wrong proof are told the same.
pub(crate) fn authenticate(
    known: &SubMerchants,
    (form, asked): (Form, &Object<'_>),
    (request_content, proof, accepted): (&str, Proof<'_>, Accepted),
) -> Result<Arc<Registered>, Fault> {
    if matches!((proof, accepted), (Proof::Signature(_), Accepted::Code)) {
        let why = Malformed::new("authen_info.s", "not taken here, want a");
        return Err(Fault::unproven(why.to_string()));
    }
    let found = match form {
        Form::Full => {
            let (out_mch_id, out_sub_mch_id) = named(asked)?;
            known.get(out_sub_mch_id).filter(|found| found.is_of(out_mch_id))
        }
        Form::Brief => known.of_outlet(asked.required_text("osi", 1..=32)?),
    };
    let is_proven = verifies(known, found.map(|found| &**found), request_content, proof);
    match found.filter(|_| is_proven) {
        Some(found) => Ok(found.clone()),
        None => Err(Fault::unproven(FAILED)),
    }
}

/// The numbers of 服务商 and 子商户: inside `pay_mch_key`, or beside the filters of a list.
fn named<'o>(asked: &'o Object<'_>) -> Read<(Option<&'o str>, &'o str)> {
    let inside = |owner: &'o Object<'_>| {
        let out_mch_id = owner.text("out_mch_id", 1..=32)?;
        Ok((out_mch_id, owner.required_text("out_sub_mch_id", 1..=32)?))
    };
    match asked.object("pay_mch_key")? {
        Some(key) => inside(key).map_err(|fault: Malformed| fault.inside("pay_mch_key")),
        None => inside(asked),
    }
}

/// The work is the same for a 子商户 that is not known, so that the time tells nothing.
fn verifies(
    known: &SubMerchants,
    found: Option<&Registered>,
    request_content: &str,
    proof: Proof<'_>,
) -> bool {
    match proof {
        Proof::Code(code) => {
            let key = found.map_or("", |found| found.declared.authen_key.expose());
            let wanted = authen_code(key, request_content);
            let is_equal = hash::equal(code.to_ascii_uppercase().as_bytes(), wanted.as_bytes());
            is_equal && found.is_some()
        }
        Proof::Signature(signature) => {
            let own = found.and_then(|found| found.verifier.as_ref());
            let any = own.or_else(|| known.any_verifier());
            let holds = any.is_some_and(|key| key.verify(request_content.as_bytes(), signature));
            holds && own.is_some()
        }
    }
}

impl Registered {
    fn is_of(&self, out_mch_id: Option<&str>) -> bool {
        out_mch_id.is_none_or(|id| id == self.declared.out_mch_id)
    }
}

/// The code over a text: HMAC-SHA256 under the characters of the key, 64 upper-case hex digits.
pub fn authen_code(authen_key: &str, content: &str) -> String {
    let mac = hash::hmac_sha256(authen_key.as_bytes(), content.as_bytes());
    text::hex(&mac).to_ascii_uppercase()
}
