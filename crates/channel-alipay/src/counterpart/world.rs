//! The apps that the counterpart knows, and the key that it signs with.

use crate::wire::Parameters;
use crate::{certificates, settings, sign};
use crypto::certificate::Certificate;
use crypto::rsa::{Signer, Verifier};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The world of simulated Alipay: who its sellers' apps are, and its own key.
pub struct AlipayWorld {
    /// The apps.
    pub apps: Vec<AlipayApp>,
    /// The private half of 支付宝公钥, PEM or Base64.
    pub private_key: String,
    /// What apps in certificate mode need; `None`: there are no such apps.
    pub certificates: Option<AlipayCertificates>,
}

/// The certificates of the channel.
pub struct AlipayCertificates {
    /// 支付宝公钥证书 of the private key, and those above it, PEM.
    pub alipay_pem: String,
    /// 支付宝根证书, PEM.
    pub roots_pem: String,
}

/// An app of a seller, as Alipay knows it.
pub struct AlipayApp {
    /// Its number (APPID).
    pub app_id: String,
    /// 应用公钥, PEM or Base64.
    pub public_key: String,
    /// 应用公钥证书 of the same key, PEM, where the app can name one.
    pub certificate_pem: Option<String>,
    /// Who collects: 2088….
    pub seller_id: String,
    /// The mini programs in which it may collect, beside itself.
    pub mini_programs: Vec<String>,
    /// The merchants for whom it may act.
    pub merchants: Vec<AlipayMerchant>,
}

/// A merchant who has given a service provider's app leave to act for it.
pub struct AlipayMerchant {
    /// 应用授权令牌.
    pub app_auth_token: String,
    /// The merchant's own app.
    pub auth_app_id: String,
    /// Who collects: 2088….
    pub seller_id: String,
}

/// A world that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {why}")]
pub struct BadWorld {
    /// The member, with the app's number where it is an app's.
    pub name: String,
    /// What is wrong; never the value of a secret.
    pub why: String,
}

/// The world, read.
pub(super) struct World {
    apps: BTreeMap<String, App>,
    /// Apps as they act for a merchant, by their number and the token.
    acting: BTreeMap<(String, String), App>,
    pub(super) signer: Signer,
    pub(super) certificates: Option<Certificates>,
}

/// The channel's certificates, read.
pub(super) struct Certificates {
    /// The name of its own.
    pub(super) cert_sn: String,
    /// The names of the authorities.
    pub(super) root_cert_sn: String,
    /// Its own, and those above it.
    pub(super) pem: String,
}

/// An app, read: as it acts for itself, or for one merchant.
#[derive(Clone)]
pub(super) struct App {
    pub(super) app_id: String,
    /// The app on whose behalf it acts.
    pub(super) auth_app_id: String,
    pub(super) verifier: Arc<Verifier>,
    /// The name of its certificate.
    pub(super) cert_sn: Option<String>,
    pub(super) seller_id: String,
    mini_programs: Vec<String>,
}

impl World {
    pub(super) fn new(world: AlipayWorld) -> Result<World, BadWorld> {
        let signer = settings::signer(&world.private_key)
            .map_err(|fault| bad_world("private_key", &fault))?;
        let (mut apps, mut acting) = (BTreeMap::new(), BTreeMap::new());
        for app in world.apps {
            let read = App::new(&app)?;
            for merchant in app.merchants {
                let key = (read.app_id.clone(), merchant.app_auth_token.clone());
                acting.insert(key, read.acting_for(merchant));
            }
            apps.insert(read.app_id.clone(), read);
        }
        let certificates = world.certificates.map(Certificates::read).transpose()?;
        Ok(World { apps, acting, signer, certificates })
    }

    /// The name of the certificate that signs, towards an app that names its own.
    pub(super) fn cert_sn(&self, parameters: &Parameters) -> Option<&str> {
        let is_certified = parameters.get(sign::APP_CERT_SN).is_some_and(|sn| !sn.is_empty());
        self.certificates.as_ref().filter(|_| is_certified).map(|known| &*known.cert_sn)
    }

    pub(super) fn app(&self, app_id: &str) -> Option<&App> {
        self.apps.get(app_id)
    }

    /// The app as it acts for the merchant who gave this token.
    pub(super) fn acting(&self, app_id: &str, token: &str) -> Option<&App> {
        self.acting.get(&(app_id.to_owned(), token.to_owned()))
    }
}

impl Certificates {
    fn read(given: AlipayCertificates) -> Result<Certificates, BadWorld> {
        let own = Certificate::read(&given.alipay_pem)
            .map_err(|fault| bad_world("alipay_pem", &fault))?;
        let roots = Certificate::read_all(&given.roots_pem)
            .map_err(|fault| bad_world("roots_pem", &fault))?;
        let root_cert_sn = certificates::root_cert_sn(&roots)
            .ok_or_else(|| bad_world("roots_pem", &"one that is signed with RSA wanted"))?;
        let cert_sn = certificates::cert_sn(&own);
        Ok(Certificates { cert_sn, root_cert_sn, pem: given.alipay_pem })
    }
}

impl App {
    fn new(app: &AlipayApp) -> Result<App, BadWorld> {
        let verifier = settings::verifier(&app.public_key)
            .map_err(|fault| bad_world(&format!("app {} public_key", app.app_id), &fault))?;
        let certificate = app.certificate_pem.as_deref().map(Certificate::read).transpose();
        let certificate = certificate
            .map_err(|fault| bad_world(&format!("app {} certificate_pem", app.app_id), &fault))?;
        Ok(App {
            cert_sn: certificate.as_ref().map(certificates::cert_sn),
            app_id: app.app_id.clone(),
            auth_app_id: app.app_id.clone(),
            verifier: Arc::new(verifier),
            seller_id: app.seller_id.clone(),
            mini_programs: app.mini_programs.clone(),
        })
    }

    fn acting_for(&self, merchant: AlipayMerchant) -> App {
        let AlipayMerchant { auth_app_id, seller_id, .. } = merchant;
        App { auth_app_id, seller_id, ..self.clone() }
    }

    /// Whether it may collect in this mini program.
    pub(super) fn collects_in(&self, mini_program: &str) -> bool {
        self.auth_app_id == mini_program
            || self.mini_programs.iter().any(|known| known == mini_program)
    }
}

fn bad_world(name: &str, why: &impl ToString) -> BadWorld {
    BadWorld { name: name.to_owned(), why: why.to_string() }
}
