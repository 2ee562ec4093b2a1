//! The world of `tongbao dev`: one demonstration tenant, simulated channels, and every key of both.
//!
//! The keys are made once and kept in `<data>/dev-keys.json`, so that a restart changes nothing. What
//! a client needs is written to `<data>/dev.json`.

mod alipay;
mod cpay;
mod tls;
mod wxpay_v2;

use crate::declaration::{
    Declaration, DeclaredAccount, DeclaredKey, DeclaredMerchant, DeclaredTenant, Proof,
};
use crate::installation::Installation;
use crate::registry::{CHANNELS, DEVELOPMENT_CHANNELS};
use crate::server::Listening;
use admin_api::{AdminToken, ManualRule, Role};
use alipay::{AlipayFile, AlipayKeys};
use anyhow::{Context, Result};
use channel::{BaseUrl, Settings};
use channel_alipay::counterpart::AlipayCounterpart;
use channel_wxpay::counterpart::{SubMerchant, Trust, WxpayCounterpart, WxpayMerchant, WxpayWorld};
use cpay::{CpayFile, CpayKeys};
use crypto::certificate::{self, Certificate};
use crypto::rsa;
use crypto::{MasterKeys, Secret};
use engine::{Authorities, Clock, Guard, SystemClock};
use jiff::tz::{TimeZone, offset};
use kernel::{CardBatchCommand, CardValidity, CreateCardBatch, MerchantId, TenantId};
use ledger::{Fen, Id};
use sandbox::Sandbox;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use tls::TlsKeys;
pub(crate) use wxpay_v2::MERCHANT as WXPAY_V2_MERCHANT;
use wxpay_v2::{WxpayV2File, WxpayV2Keys};

/// The demonstration tenant.
pub(crate) const OCODE: &str = "100001";
/// Its merchants; the first collects, the others receive allocations.
pub(crate) const MERCHANTS: [&str; 3] = ["CM6756531983210274560", "CM-B", "CM-C"];
/// The mini program of its WeChat Pay merchant.
pub(crate) const APPID: &str = "wx43f1t4567721a03e";
/// The name of its account at WeChat Pay.
pub(crate) const WXPAY_ACCOUNT: &str = "demo-wxpay";

/// The id of its batch of gift cards.
pub(crate) const CARD_BATCH: i64 = 100;

/// A merchant of a measurement, which gets parts of others' orders.
pub(crate) fn partner(number: u8) -> String {
    format!("CM-P{number}")
}

const WXPAY_MCHID: &str = "1900000109";
const WXPAY_SUB_MCHID: &str = "1900000110";
const HMAC_SECRET_ID: &str = "AKIDdemoHmac";
const RSA_SECRET_ID: &str = "AKIDdemoRsa";
/// What the merchant trusts unless told otherwise, as every merchant of the last years.
const WXPAY_TRUST: Trust = Trust::PublicKey;
/// How long the simulated certificates are valid, in seconds.
const CERTIFICATE_SECONDS: i64 = 5 * 365 * 24 * 3600;

/// Every key of the demonstration world.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct World {
    admin_token: String,
    master_key: String,
    hmac_secret_key: String,
    caller_private_key_pem: String,
    platform_private_key_pem: String,
    wxpay_merchant_private_key_pem: String,
    wxpay_merchant_cert_pem: String,
    wxpay_apiv3_key: String,
    wxpay_platform_private_key_pem: String,
    wxpay_platform_cert_pem: String,
    wxpay_public_key_private_pem: String,
    wxpay_public_key_id: String,
    alipay: AlipayKeys,
    tls: TlsKeys,
    wxpay_v2: WxpayV2Keys,
    cpay: CpayKeys,
}

/// Where the simulated channels are called.
#[derive(Clone, Debug)]
pub(crate) struct SandboxUrls {
    /// Over plain HTTP.
    pub(crate) plain: String,
    /// By TLS, when there is such a listener.
    pub(crate) tls: Option<String>,
}

impl SandboxUrls {
    /// Where the demonstration's own accounts call them: by TLS where they can.
    pub(crate) fn of_accounts(&self) -> &str {
        self.tls.as_deref().unwrap_or(&self.plain)
    }
}

/// What a client of `tongbao dev` needs.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct DevFile {
    pub(crate) base_url: String,
    pub(crate) sandbox_url: String,
    /// Where the simulated channels are called by TLS, when they are.
    pub(crate) sandbox_tls_url: Option<String>,
    /// The authority that issued the certificate of that listener.
    pub(crate) sandbox_authority_pem: String,
    pub(crate) admin_token: String,
    pub(crate) wecard: WecardFile,
    pub(crate) wxpay: WxpayFile,
    pub(crate) alipay: AlipayFile,
    pub(crate) wxpay_v2: WxpayV2File,
    pub(crate) cpay: CpayFile,
}

/// The 微卡收付通 side of it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WecardFile {
    pub(crate) ocode: String,
    pub(crate) merchants: Vec<String>,
    pub(crate) hmac: HmacFile,
    pub(crate) rsa: RsaFile,
    pub(crate) platform_public_key_pem: String,
}

/// The caller's shared secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct HmacFile {
    pub(crate) secret_id: String,
    pub(crate) secret_key: String,
}

/// The caller's private key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RsaFile {
    pub(crate) secret_id: String,
    pub(crate) private_key_pem: String,
}

/// The WeChat Pay side of it: lets a stranger's SDK talk to the sandbox.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WxpayFile {
    pub(crate) mchid: String,
    pub(crate) appid: String,
    /// The merchant that it serves as a service provider.
    pub(crate) sub_mchid: String,
    pub(crate) sub_appid: String,
    /// The serial of `cert_pem`.
    pub(crate) serial_no: String,
    pub(crate) private_key_pem: String,
    /// The merchant's API certificate: WeChat Pay calls the file `apiclient_cert.pem`.
    pub(crate) cert_pem: String,
    pub(crate) apiv3_key: String,
    /// Which of the following the sandbox signs with.
    pub(crate) trust: Trust,
    pub(crate) platform_serial_no: String,
    pub(crate) platform_cert_pem: String,
    pub(crate) public_key_id: String,
    pub(crate) public_key_pem: String,
}

/// By what the merchant knows WeChat Pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum WxpayTrust {
    /// By platform certificates
    Certificate,
    /// By WeChat Pay's public key
    PublicKey,
    /// By both, as in the days of a switch
    Switching,
}

impl From<WxpayTrust> for Trust {
    fn from(trust: WxpayTrust) -> Trust {
        match trust {
            WxpayTrust::Certificate => Trust::Certificate,
            WxpayTrust::PublicKey => Trust::PublicKey,
            WxpayTrust::Switching => Trust::Switching,
        }
    }
}

/// How the sandbox signs for the WeChat Pay merchant.
#[derive(Clone, Deserialize)]
pub(crate) struct WxpaySigning {
    trust: Trust,
    platform_serial_no: String,
    platform_cert_pem: String,
}

impl WxpaySigning {
    /// Turns the merchant's trust, where that is wanted; else it stays as it was left.
    pub(crate) async fn turn(sandbox: &Sandbox, trust: Option<WxpayTrust>) -> Result<WxpaySigning> {
        let trust = trust.map(Trust::from);
        let arguments = serde_json::json!({ "mchid": WXPAY_MCHID, "trust": trust }).to_string();
        let answer = sandbox.switch("wxpay", "trust", arguments).await.context("trust not set")?;
        serde_json::from_str(&answer).context("the sandbox's answer about trust")
    }
}

/// The gift cards that are on sale: of 100 yuan for 95, valid for a year, spent at every merchant. Their batch has
/// the id that the published sample asks for.
#[expect(clippy::disallowed_methods, reason = "an id that was chosen outside")]
pub(crate) fn card_batch() -> CardBatchCommand {
    CardBatchCommand::Create(Box::new(CreateCardBatch {
        tenant: TenantId::new(OCODE),
        namespace: Arc::from(dialect_wecard::BATCH_NAMESPACE),
        number: "dev_gift_cards".to_owned(),
        id: Some(Id::from_value(CARD_BATCH)),
        merchant: MerchantId::new(MERCHANTS[0]),
        name: "通宝礼品卡".to_owned(),
        face: Fen::new(10_000),
        price: Fen::new(9_500),
        total: 10_000_000,
        validity: CardValidity::Relative { days: 365 },
        owner_max: 0,
        is_transferable: true,
        accepted_by: MERCHANTS.map(MerchantId::new).to_vec(),
        is_on_sale: true,
    }))
}

impl World {
    /// The world of a data folder: made on the first call, the same ever after.
    pub(crate) async fn of_folder(data: &Path) -> Result<World> {
        let path = data.join("dev-keys.json");
        match fs::read(&path) {
            Ok(bytes) => World::read(&path, &bytes).await,
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {
                let world = World::make().await?;
                write_secret(&path, &serde_json::to_vec_pretty(&world)?)?;
                Ok(world)
            }
            Err(fault) => Err(fault).with_context(|| path.display().to_string()),
        }
    }

    /// Reads the keys of a folder. One that was made before there was a channel, an interface or a
    /// certificate gets what is missing now.
    async fn read(path: &Path, bytes: &[u8]) -> Result<World> {
        let unreadable = || format!("{} cannot be read", path.display());
        let mut keys: Value = serde_json::from_slice(bytes).with_context(unreadable)?;
        let mut made = serde_json::Map::new();
        if let Some(alipay) = AlipayKeys::completed(keys.get("alipay")).await? {
            made.insert("alipay".to_owned(), serde_json::to_value(alipay)?);
        }
        if keys.get("wxpay_v2").is_none() {
            made.insert("wxpay_v2".to_owned(), serde_json::to_value(WxpayV2Keys::make().await?)?);
        }
        if keys.get("tls").is_none() {
            made.insert("tls".to_owned(), serde_json::to_value(TlsKeys::make().await?)?);
        }
        if keys.get("cpay").is_none() {
            made.insert("cpay".to_owned(), serde_json::to_value(CpayKeys::make().await?)?);
        }
        if let Some(keys) = keys.as_object_mut().filter(|_| !made.is_empty()) {
            keys.extend(made);
            write_secret(path, &serde_json::to_vec_pretty(keys)?)?;
        }
        serde_json::from_value(keys).with_context(unreadable)
    }

    /// A new world. Its RSA keys are made beside each other.
    pub(crate) async fn make() -> Result<World> {
        let mut making = Vec::new();
        for _ in 0..5 {
            making.push(tokio::task::spawn_blocking(rsa::generate));
        }
        let mut keys = Vec::new();
        for key in making {
            keys.push(key.await?.context("RSA key not made")?);
        }
        let [caller, platform, merchant, wxpay_platform, wxpay_public] =
            <[String; 5]>::try_from(keys)
                .map_err(|_| anyhow::anyhow!("five keys were asked for"))?;
        let merchant_cert = certify(&merchant, WXPAY_MCHID)?;
        let platform_cert = certify(&wxpay_platform, "Tenpay.com sign")?;
        Ok(World {
            admin_token: crypto::random::hex_nonce(),
            master_key: MasterKeys::generate().expose().to_owned(),
            hmac_secret_key: crypto::random::hex_nonce(),
            caller_private_key_pem: caller,
            platform_private_key_pem: platform,
            wxpay_merchant_private_key_pem: merchant,
            wxpay_merchant_cert_pem: merchant_cert.pem,
            wxpay_apiv3_key: crypto::random::hex_nonce(),
            wxpay_platform_private_key_pem: wxpay_platform,
            wxpay_platform_cert_pem: platform_cert.pem,
            wxpay_public_key_private_pem: wxpay_public,
            wxpay_public_key_id: public_key_id()?,
            alipay: AlipayKeys::make().await?,
            tls: TlsKeys::make().await?,
            wxpay_v2: WxpayV2Keys::make().await?,
            cpay: CpayKeys::make().await?,
        })
    }

    /// The simulated WeChat Pay that knows this world's merchant.
    pub(crate) fn wxpay(&self) -> Result<WxpayCounterpart> {
        let merchant = WxpayMerchant {
            mchid: WXPAY_MCHID.to_owned(),
            appids: vec![APPID.to_owned()],
            certificate_pem: self.wxpay_merchant_cert_pem.clone(),
            apiv3_key: self.wxpay_apiv3_key.clone(),
            api_v2_key: None,
            plan_ids: vec![],
            trust: WXPAY_TRUST,
            sub_mchids: vec![SubMerchant {
                sub_mchid: WXPAY_SUB_MCHID.to_owned(),
                sub_appids: vec![APPID.to_owned()],
            }],
        };
        let world = WxpayWorld {
            merchants: vec![merchant, self.wxpay_v2.merchant()],
            platform_private_key_pem: self.wxpay_platform_private_key_pem.clone(),
            platform_cert_pem: self.wxpay_platform_cert_pem.clone(),
            public_key_private_pem: self.wxpay_public_key_private_pem.clone(),
            public_key_id: self.wxpay_public_key_id.clone(),
        };
        WxpayCounterpart::new(world).context("simulated WeChat Pay")
    }

    /// The socket at which the simulated channels are called by TLS.
    pub(crate) fn end_tls(&self, socket: Listening) -> Result<Listening> {
        TlsKeys::check_callable(socket.address)?;
        Ok(socket.by(self.tls.server()?))
    }

    /// The simulated Alipay that knows this world's app.
    pub(crate) fn alipay(&self) -> Result<AlipayCounterpart> {
        self.alipay.counterpart()
    }

    /// The gateway's process in this world.
    pub(crate) fn installation(&self, public_url: &str) -> Result<Installation> {
        Ok(Installation {
            public_url: BaseUrl::read(public_url).context("public_url")?,
            master_keys: MasterKeys::read(&Secret::new(self.master_key.clone()))?,
            platform_private_key: Secret::new(self.platform_private_key_pem.clone()),
            admin_tokens: vec![AdminToken {
                name: Arc::from("admin"),
                role: Role::Configure,
                token: Secret::new(self.admin_token.clone()),
            }],
            manual_rule: ManualRule::OnePerson,
            authorities: Authorities::public().and(self.tls.authority_pem())?,
            strict_signatures: false,
            notification_guard: Guard::Open,
            rates: crate::limits::RATES,
            channels: [CHANNELS, DEVELOPMENT_CHANNELS].concat(),
            node: 0,
            working_days: Arc::default(),
            cpay: vec![self.cpay.declared()?],
        })
    }

    /// The demonstration tenant, with an account at each of the named built-in channels too, and as many
    /// partners.
    pub(crate) fn declaration(
        &self,
        sandbox_url: &str,
        signing: &WxpaySigning,
        built_in: &[&str],
        partners: u8,
    ) -> Result<Declaration> {
        let named = MERCHANTS.iter().zip(["演示商户", "演示子商户 B", "演示子商户 C"]);
        let named = named.map(|(id, name)| ((*id).to_owned(), name.to_owned()));
        let partners = (1..=partners).map(|number| (partner(number), "演示分账商户".to_owned()));
        let merchants = named.chain(partners);
        let wxpay = DeclaredAccount {
            name: WXPAY_ACCOUNT.to_owned(),
            channel: "wxpay".to_owned(),
            settings: self.wxpay_settings(sandbox_url, signing.trust)?,
            is_enabled: true,
        };
        let built_in = built_in.iter().map(|channel| DeclaredAccount {
            name: format!("demo-{channel}"),
            channel: (*channel).to_owned(),
            settings: Settings::new(),
            is_enabled: true,
        });
        let alipay = self.alipay.account(sandbox_url)?;
        let accounts: Vec<_> = [wxpay, alipay].into_iter().chain(built_in).collect();
        let names: Vec<String> = accounts.iter().map(|account| account.name.clone()).collect();
        let (of_v2, merchant_of_v2) = self.wxpay_v2.declared(sandbox_url);
        let tenant = DeclaredTenant {
            ocode: OCODE.to_owned(),
            name: "演示主体".to_owned(),
            is_enabled: true,
            keys: vec![
                DeclaredKey {
                    secret_id: HMAC_SECRET_ID.to_owned(),
                    proof: Proof::SecretKey(Secret::new(self.hmac_secret_key.clone())),
                    is_enabled: true,
                },
                DeclaredKey {
                    secret_id: RSA_SECRET_ID.to_owned(),
                    proof: Proof::PublicKey(public_pem(&self.caller_private_key_pem)?),
                    is_enabled: true,
                },
            ],
            merchants: merchants
                .map(|(id, name)| DeclaredMerchant {
                    id,
                    name,
                    accounts: names.clone(),
                    sharing: kernel::MerchantSharing::default(),
                    is_enabled: true,
                })
                .chain([merchant_of_v2])
                .collect(),
            accounts: accounts.into_iter().chain([of_v2]).collect(),
        };
        Ok(Declaration { tenants: vec![tenant] })
    }

    /// The account's settings: keys of the kind that the merchant trusts. Certificates are fetched.
    fn wxpay_settings(&self, sandbox_url: &str, trust: Trust) -> Result<Settings> {
        let certificate = Certificate::read(&self.wxpay_merchant_cert_pem)?;
        let settings = [
            ("base_url", sandbox_url.to_owned()),
            ("mchid", WXPAY_MCHID.to_owned()),
            ("appid", APPID.to_owned()),
            ("serial_no", certificate.serial),
            ("private_key_pem", self.wxpay_merchant_private_key_pem.clone()),
            ("apiv3_key", self.wxpay_apiv3_key.clone()),
        ];
        let public_key = match trust {
            Trust::Certificate => None,
            Trust::PublicKey | Trust::Switching => Some([
                ("public_key_id", self.wxpay_public_key_id.clone()),
                ("public_key_pem", public_pem(&self.wxpay_public_key_private_pem)?),
            ]),
        };
        let all = settings.into_iter().chain(public_key.into_iter().flatten());
        Ok(all.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// What a client needs.
    pub(crate) fn dev_file(
        &self,
        base_url: &str,
        sandbox: &SandboxUrls,
        signing: WxpaySigning,
    ) -> Result<DevFile> {
        Ok(DevFile {
            base_url: base_url.to_owned(),
            sandbox_url: sandbox.plain.clone(),
            sandbox_tls_url: sandbox.tls.clone(),
            sandbox_authority_pem: self.tls.authority_pem().to_owned(),
            admin_token: self.admin_token.clone(),
            wecard: WecardFile {
                ocode: OCODE.to_owned(),
                merchants: MERCHANTS.map(str::to_owned).to_vec(),
                hmac: HmacFile {
                    secret_id: HMAC_SECRET_ID.to_owned(),
                    secret_key: self.hmac_secret_key.clone(),
                },
                rsa: RsaFile {
                    secret_id: RSA_SECRET_ID.to_owned(),
                    private_key_pem: self.caller_private_key_pem.clone(),
                },
                platform_public_key_pem: public_pem(&self.platform_private_key_pem)?,
            },
            wxpay: WxpayFile {
                mchid: WXPAY_MCHID.to_owned(),
                appid: APPID.to_owned(),
                sub_mchid: WXPAY_SUB_MCHID.to_owned(),
                sub_appid: APPID.to_owned(),
                serial_no: Certificate::read(&self.wxpay_merchant_cert_pem)?.serial,
                private_key_pem: self.wxpay_merchant_private_key_pem.clone(),
                cert_pem: self.wxpay_merchant_cert_pem.clone(),
                apiv3_key: self.wxpay_apiv3_key.clone(),
                trust: signing.trust,
                platform_serial_no: signing.platform_serial_no,
                platform_cert_pem: signing.platform_cert_pem,
                public_key_id: self.wxpay_public_key_id.clone(),
                public_key_pem: public_pem(&self.wxpay_public_key_private_pem)?,
            },
            alipay: self.alipay.file(&sandbox.plain)?,
            wxpay_v2: self.wxpay_v2.file(&sandbox.plain),
            cpay: self.cpay.file(),
        })
    }
}

fn public_pem(private_pem: &str) -> Result<String> {
    Ok(rsa::Signer::from_pem(private_pem)?.public_pem())
}

/// An id as WeChat Pay gives it: `01`, the merchant's number, the second in Beijing, eight more digits.
fn public_key_id() -> Result<String> {
    let now = jiff::Timestamp::from_second(SystemClock::new().now().seconds())?;
    let at = now.to_zoned(TimeZone::fixed(offset(8))).strftime("%Y%m%d%H%M%S");
    let last = u32::from_be_bytes(crypto::random::bytes::<4>()) % 100_000_000;
    Ok(format!("PUB_KEY_ID_01{WXPAY_MCHID}{at}{last:08}"))
}

fn certify(private_key_pem: &str, name: &str) -> Result<Certificate> {
    let (from, until) = validity();
    certificate::self_signed(private_key_pem, name, from, until).context("certificate not made")
}

/// From and until when a new certificate holds, Unix seconds.
fn validity() -> (i64, i64) {
    let now = SystemClock::new().now().seconds();
    // A day of slack: the certificate is valid at once in every zone.
    (now - 86_400, now + CERTIFICATE_SECONDS)
}

impl DevFile {
    /// The file in a data folder.
    pub(crate) fn read(data: &Path) -> Result<DevFile> {
        let path = data.join("dev.json");
        let bytes = fs::read(&path).with_context(|| {
            format!("{} cannot be read: is `tongbao dev` running there?", path.display())
        })?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
    }

    /// Writes it into a data folder, whole or not at all.
    pub(crate) fn write(&self, data: &Path) -> Result<()> {
        write_secret(&data.join("dev.json"), &serde_json::to_vec_pretty(self)?)
    }
}

/// Makes a data folder, which only its owner can enter, unless it is there.
pub(crate) fn create_private_folder(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("{} not made", path.display()))
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    let draft = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file =
        options.open(&draft).with_context(|| format!("{} not written", draft.display()))?;
    // The draft may be left of another process.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path).with_context(|| format!("{} not written", path.display()))
}
