//! The apps that the counterpart knows, and the key that it signs with.

use crate::settings;
use crypto::rsa::{Signer, Verifier};
use std::collections::BTreeMap;

/// The world of simulated Alipay: who its sellers' apps are, and its own key.
pub struct AlipayWorld {
    /// The apps.
    pub apps: Vec<AlipayApp>,
    /// The private half of 支付宝公钥, PEM or Base64.
    pub private_key: String,
}

/// An app of a seller, as Alipay knows it.
pub struct AlipayApp {
    /// Its number (APPID).
    pub app_id: String,
    /// 应用公钥, PEM or Base64.
    pub public_key: String,
    /// Who collects: 2088….
    pub seller_id: String,
    /// The mini programs in which it may collect, beside itself.
    pub mini_programs: Vec<String>,
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
    pub(super) signer: Signer,
}

/// An app, read.
pub(super) struct App {
    pub(super) app_id: String,
    pub(super) verifier: Verifier,
    pub(super) seller_id: String,
    mini_programs: Vec<String>,
}

impl World {
    pub(super) fn new(world: AlipayWorld) -> Result<World, BadWorld> {
        let signer = settings::signer(&world.private_key)
            .map_err(|fault| bad_world("private_key", &fault))?;
        let apps = world.apps.into_iter().map(App::new);
        let apps = apps.map(|app| app.map(|app| (app.app_id.clone(), app)));
        Ok(World { apps: apps.collect::<Result<_, _>>()?, signer })
    }

    pub(super) fn app(&self, app_id: &str) -> Option<&App> {
        self.apps.get(app_id)
    }
}

impl App {
    fn new(app: AlipayApp) -> Result<App, BadWorld> {
        let verifier = settings::verifier(&app.public_key)
            .map_err(|fault| bad_world(&format!("app {} public_key", app.app_id), &fault))?;
        let AlipayApp { app_id, seller_id, mini_programs, .. } = app;
        Ok(App { app_id, verifier, seller_id, mini_programs })
    }

    /// Whether it may collect in this mini program.
    pub(super) fn collects_in(&self, mini_program: &str) -> bool {
        self.app_id == mini_program || self.mini_programs.iter().any(|known| known == mini_program)
    }
}

fn bad_world(name: &str, why: &impl ToString) -> BadWorld {
    BadWorld { name: name.to_owned(), why: why.to_string() }
}
