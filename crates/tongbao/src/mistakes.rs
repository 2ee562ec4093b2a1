//! Mistakes in files that people write, and what they are told: each edits a good file, and the golden
//! file has the whole message. What must stay good is here too.

use crate::config::Config;
use crate::declaration::Declaration;
use anyhow::Result;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// With `UPDATE_GOLDEN=1` in the environment it is written instead of compared.
const GOLDEN: &str = "src/golden/mistakes.txt";

const CONFIGURATION: &str = r#"public_url = "https://pay.example.com"
database = "sqlite:tongbao.db"
admin_token_file = "token"
platform_private_key_file = "good.pem"
master_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
"#;

const TENANTS: &str = r#"[[tenant]]
ocode = "100001"
[[tenant.key]]
secret_id = "AKID1"
secret_key = "sixteen letters!"
[[tenant.account]]
name = "wx"
channel = "wxpay"
settings = { mchid = "1900000109", apiv3_key_file = "token" }
[[tenant.merchant]]
id = "CM1"
accounts = ["wx"]
"#;

/// What is replaced, and by what.
type Edit = (&'static str, &'static str);

const PUBLIC_URL: &str = "https://pay.example.com";
const TOKEN_FILE: &str = "admin_token_file = \"token\"";
const PLATFORM: &str = "\"good.pem\"";
const MASTER: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The end of a configuration, where tables go.
const END: &str = "GxwdHh8=\"\n";

const WRONG_CONFIGURATIONS: &[Edit] = &[
    (PUBLIC_URL, ""),
    (PUBLIC_URL, "pay.example.com"),
    (PUBLIC_URL, "pay.example.com:8080"),
    (PUBLIC_URL, "https:/pay.example.com"),
    (PUBLIC_URL, "ftp://pay.example.com"),
    (PUBLIC_URL, "https://"),
    (PUBLIC_URL, "https://pay.example.com/?a=1"),
    (PUBLIC_URL, "https://pay.example.com/#top"),
    (PUBLIC_URL, "https://pay.example.com "),
    (PUBLIC_URL, " https://pay.example.com"),
    (PUBLIC_URL, "https://pay.example.com\\n"),
    (PUBLIC_URL, "https://li:word@pay.example.com"),
    (PUBLIC_URL, "https://pay.example.com:99999"),
    (PUBLIC_URL, "https://pay.example.com:0"),
    (PUBLIC_URL, "https://10.0.0.300"),
    (PUBLIC_URL, "http://0.0.0.0:8080"),
    (PUBLIC_URL, "http://[::]:8080"),
    (
        PUBLIC_URL,
        "https://pay.example.com/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
    ),
    ("public_url = \"https://pay.example.com\"", ""),
    ("public_url = \"https://pay.example.com\"", "public_url = 1"),
    ("public_url", "pubic_url"),
    ("public_url", "public_url = \"https://a.example\"\npublic_url"),
    ("public_url", "[[tenant]]\nocode = \"1\"\npublic_url"),
    ("\"https://pay.example.com\"", "https://pay.example.com"),
    ("\"https://pay.example.com\"", "\"https://pay.example.com"),
    ("sqlite:tongbao.db", ""),
    ("sqlite:tongbao.db", "tongbao.db"),
    ("sqlite:tongbao.db", "sqlite:"),
    ("sqlite:tongbao.db", "sqlite::memory:"),
    ("sqlite:tongbao.db", "sqlite://tongbao.db"),
    ("sqlite:tongbao.db", "mysql://li:word@host/pay"),
    ("database = ", "database_file = \"token\"\ndatabase = "),
    ("database = \"sqlite:tongbao.db\"", "database_file = \"missing\""),
    ("database = \"sqlite:tongbao.db\"", ""),
    (TOKEN_FILE, ""),
    (TOKEN_FILE, "admin_token_file = \"missing\""),
    (TOKEN_FILE, "admin_token_file = \"empty\""),
    (TOKEN_FILE, "admin_token_file = \"folder\""),
    (TOKEN_FILE, "admin_token_file = \"utf-16\""),
    (TOKEN_FILE, "admin_token_file = \"gbk\""),
    (TOKEN_FILE, "admin_token_file = \"two-lines\""),
    (TOKEN_FILE, "admin_token_file = \"token\"\nadmin_token = \"the token of the operators\""),
    (TOKEN_FILE, "admin_token = \"\""),
    (TOKEN_FILE, "admin_token = \"short\""),
    (TOKEN_FILE, "admin_token = \"the token\\nof the operators\""),
    (TOKEN_FILE, "admin_token = \" the token of the operators\""),
    (TOKEN_FILE, "admin_token = \"the token\\tof the operators\""),
    (TOKEN_FILE, "admin_token = \"这是一个操作员使用的很长的令牌文本\""),
    (TOKEN_FILE, "admin_token = \"\\uFEFFthe token of the operators\""),
    (TOKEN_FILE, "[[admin_token]]\nname = \"li na\"\nrole = \"read\"\ntoken_file = \"token\"\n[x]"),
    (TOKEN_FILE, "admin_token = 1234567890123456"),
    (TOKEN_FILE, "admin_token = [\"the token of the operators\"]"),
    (TOKEN_FILE, "admin_token = [{ name = \"li\", role = \"read\", token = 1234567890123456 }]"),
    (PLATFORM, "\"short.pem\""),
    (PLATFORM, "\"encrypted.pem\""),
    (PLATFORM, "\"encrypted-old.pem\""),
    (PLATFORM, "\"ec.pem\""),
    (PLATFORM, "\"public.pem\""),
    (PLATFORM, "\"certificate.pem\""),
    (PLATFORM, "\"base64\""),
    (PLATFORM, "\"cut.pem\""),
    (PLATFORM, "\"damaged.pem\""),
    (PLATFORM, "\"token\""),
    (PLATFORM, "\"missing.pem\""),
    (MASTER, "short"),
    (MASTER, ""),
    ("public_url", "trusted_proxies = [\"proxy.example\"]\npublic_url"),
    ("public_url", "trusted_proxies = \"10.0.0.1\"\npublic_url"),
    ("public_url", "limits.tenant_burst = 0\npublic_url"),
    ("public_url", "limits.tenant_burst = \"many\"\npublic_url"),
    ("public_url", "limits.tenant_per_second = 4000000000\npublic_url"),
    ("public_url", "limits.failures_burst = 2000001\npublic_url"),
    ("public_url", "limits.tenants = 1\npublic_url"),
    ("public_url", "calendar.file = \"missing\"\npublic_url"),
    ("public_url", "calendar.file = \"days-word\"\npublic_url"),
    ("public_url", "calendar.file = \"days-date\"\npublic_url"),
    ("public_url", "calendar.file = \"days-twice\"\npublic_url"),
    ("public_url", "calendar.days = \"token\"\npublic_url"),
    ("public_url", "node = 256\npublic_url"),
    ("public_url", "strict_signatures = \"yes\"\npublic_url"),
    (
        END,
        "GxwdHh8=\"\n[[cpay]]\ntenant = \"100001\"\nmerchant = \"CM1\"\nout_mch_id = \"sz01A\"\nout_sub_mch_id = \"sz01B\"\norder_prefixes = [\"sz01\"]\n",
    ),
    (
        END,
        "GxwdHh8=\"\n[[cpay]]\ntenant = \"100001\"\nmerchant = \"CM1\"\nout_mch_id = \"sz01A\"\nout_sub_mch_id = \"sz01B\"\norder_prefixes = [\"sz01\"]\nauthen_key = \"short\"\n[[cpay.shop]]\nout_shop_id = \"sz01C\"\n",
    ),
    (
        END,
        "GxwdHh8=\"\n[[cpay]]\ntenant = \"100001\"\nmerchant = \"CM1\"\nout_mch_id = \"sz01A\"\nout_sub_mch_id = \"sz01B\"\norder_prefixes = [\"sz01\"]\nauthen_key_file = \"missing\"\n[[cpay.shop]]\nout_shop_id = \"sz01C\"\n",
    ),
    (
        END,
        "GxwdHh8=\"\n[[cpay]]\ntenant = \"100001\"\nmerchant = \"CM1\"\nout_mch_id = \"sz01A\"\nout_sub_mch_id = \"sz01B\"\norder_prefixes = [\"sz01\"]\nauthen_key_file = \"token\"\n",
    ),
    (
        END,
        "GxwdHh8=\"\n[[cpay]]\ntenant = \"100001\"\nmerchant = \"CM1\"\nout_mch_id = \"sz01A\"\nout_sub_mch_id = \"sz01B\"\norder_prefixes = [\"sz 01\"]\nauthen_key_file = \"token\"\n[[cpay.shop]]\nout_shop_id = \"sz01C\"\n",
    ),
    (
        END,
        "GxwdHh8=\"\n[[cpay]]\ntenant = \"100001\"\nmerchant = \"CM1\"\nout_mch_id = \"sz01A\"\nout_sub_mch_id = \"sz01B\"\norder_prefixes = \"sz01\"\nauthen_key_file = \"token\"\n[[cpay.shop]]\nout_shop_id = \"sz01C\"\n",
    ),
    (
        END,
        "GxwdHh8=\"\n[[cpay]]\ntenant = \"100001\"\nmerchant = \"CM1\"\nout_mch_id = \"sz01A\"\nout_sub_mch_id = \"sz01B\"\norder_prefixes = [\"sz01\"]\nauthen_key_file = \"token\"\npublic_key_file = \"good.pem\"\n[[cpay.shop]]\nout_shop_id = \"sz01C\"\n",
    ),
    (
        END,
        "GxwdHh8=\"\n[[cpay]]\ntenant = \"100001\"\nmerchant = \"CM1\"\nout_mch_id = \"sz01A\"\nout_sub_mch_id = \"sz01B\"\norder_prefixes = [\"sz01\"]\nauthen_kye_file = \"token\"\n[[cpay.shop]]\nout_shop_id = \"sz01C\"\n",
    ),
    (
        END,
        "GxwdHh8=\"\n[[cpay]]\ntenant = \"100001\"\nmerchant = \"CM1\"\nout_mch_id = \"sz01A\"\nout_sub_mch_id = \"sz01B\"\norder_prefixes = [\"sz01\"]\nauthen_key_file = \"token\"\n[[cpay.shop]]\nout_shop = \"sz01C\"\n",
    ),
];

const SECRET: &str = "secret_key = \"sixteen letters!\"";

const WRONG_TENANTS: &[Edit] = &[
    ("\"100001\"", "\"\""),
    ("\"100001\"", "\" 100001\""),
    ("\"100001\"", "\"100 001\""),
    ("\"100001\"", "100001"),
    ("ocode = \"100001\"", "ocode = \"100001\"\nname = \"two\\nlines\""),
    ("\"AKID1\"", "\"AK/ID\""),
    ("\"AKID1\"", "\"AKID1 \""),
    (SECRET, ""),
    (SECRET, "secret_key = \"\""),
    (SECRET, "secret_key = \"fifteen letters\""),
    (SECRET, "secret_key = \"sixteen letters! \""),
    (SECRET, "secret_key = \"sixteen\\nletters!\""),
    (SECRET, "secret_key = \"\\uFEFFsixteen letters!\""),
    (SECRET, "secret_key = \"十六个字符以上的共享密钥文本内容在此\""),
    (SECRET, "secret_key_file = \"utf-16\""),
    (SECRET, "secret_key_file = \"missing\""),
    (SECRET, "public_key_file = \"good.pem\""),
    (SECRET, "public_key_file = \"certificate.pem\""),
    (SECRET, "public_key_file = \"short-public.pem\""),
    (SECRET, "public_key_file = \"ec-public.pem\""),
    (SECRET, "public_key_file = \"empty\""),
    (SECRET, "secret_key = \"sixteen letters!\"\npublic_key_file = \"public.pem\""),
    (SECRET, "secret_key = 1234567890123456"),
    (SECRET, "secret_kye = \"sixteen letters!\""),
    ("\"wx\"\nchannel", "\"w/x\"\nchannel"),
    ("\"wx\"\nchannel", "\"\"\nchannel"),
    ("channel =", "chanel ="),
    ("\"1900000109\"", "1900000109"),
    ("apiv3_key_file", "apiv3_key = \"x\", apiv3_key_file"),
    ("apiv3_key_file = \"token\"", "apiv3_key_file = \"missing\""),
    ("\"CM1\"", "\"CM 1\""),
    ("\"CM1\"", "\"\""),
    ("[\"wx\"]", "[\"wy\"]"),
    ("[\"wx\"]", "\"wx\""),
    ("[[tenant.merchant]]", "[[tenant.merchants]]"),
    ("[[tenant]]\n", ""),
];

/// Edits that leave a file good.
const GOOD_CONFIGURATIONS: &[Edit] = &[
    ("public_url", "public_url"),
    ("public_url", "\u{feff}public_url"),
    ("\n", "\r\n"),
    (PUBLIC_URL, "https://pay.example.com/"),
    (PUBLIC_URL, "http://127.0.0.1:8080"),
    (PUBLIC_URL, "https://支付.example/通宝"),
    (TOKEN_FILE, "admin_token_file = \"token-of-windows\""),
    (TOKEN_FILE, "admin_token = \"the token of the operators\""),
    ("sqlite:tongbao.db", "sqlite:a b/通宝?x#y%20.db"),
    ("sqlite:tongbao.db", "postgres://li@host/pay"),
    (PLATFORM, "\"windows.pem\""),
    (
        END,
        "GxwdHh8=\"\n[[cpay]]\ntenant = \"100001\"\nmerchant = \"CM1\"\nout_mch_id = \"sz01A\"\nout_sub_mch_id = \"sz01B\"\norder_prefixes = [\"sz01\"]\nauthen_key_file = \"token\"\npublic_key_file = \"public.pem\"\n[[cpay.shop]]\nout_shop_id = \"sz01C\"\n",
    ),
];

const GOOD_TENANTS: &[Edit] = &[
    ("ocode", "ocode"),
    ("[[tenant]]", "\u{feff}[[tenant]]"),
    ("\n", "\r\n"),
    (SECRET, "public_key_file = \"public.pem\""),
    (SECRET, "secret_key_file = \"token-of-windows\""),
    ("ocode = \"100001\"", "ocode = \"100001\"\nname = \"示例集团\""),
];

const KEYS: [(&str, &str); 9] = [
    ("good.pem", include_str!("golden/keys/good.pem")),
    ("short.pem", include_str!("golden/keys/short.pem")),
    ("encrypted.pem", include_str!("golden/keys/encrypted.pem")),
    ("encrypted-old.pem", include_str!("golden/keys/encrypted-old.pem")),
    ("ec.pem", include_str!("golden/keys/ec.pem")),
    ("public.pem", include_str!("golden/keys/public.pem")),
    ("short-public.pem", include_str!("golden/keys/short-public.pem")),
    ("ec-public.pem", include_str!("golden/keys/ec-public.pem")),
    ("certificate.pem", include_str!("golden/keys/certificate.pem")),
];

/// A folder with everything that the files name.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| {
        fs::write(folder.path().join(name), bytes).expect("a file is written");
    };
    for (name, text) in KEYS {
        put(name, text.as_bytes());
    }
    let good = KEYS[0].1;
    let base64: String = good.lines().filter(|line| !line.starts_with("-----")).collect();
    put("base64", base64.as_bytes());
    put("cut.pem", &good.as_bytes()[..good.len() / 2]);
    put("damaged.pem", good.replacen("MII", "MIJ", 1).as_bytes());
    put("windows.pem", format!("\u{feff}{}", good.replace('\n', "\r\n")).as_bytes());
    put("token", b"the token of the operators\n");
    put("token-of-windows", b"\xef\xbb\xbfthe token of the operators\r\n");
    put("two-lines", b"the token of\nthe operators\n");
    put("days", "2026-10-01 holiday # 国庆\n2026-10-10 working\n".as_bytes());
    put("days-word", b"# 2026\n2026-10-01 rest\n");
    put("days-date", b"2026-10-32 holiday\n");
    put("days-twice", b"2026-10-01 holiday\n2026-10-01 holiday\n");
    put("utf-16", b"\xff\xfet\0o\0");
    put("gbk", b"one\n\xcd\xa8\xb1\xa6\n");
    put("empty", b"\n");
    fs::create_dir(folder.path().join("folder")).expect("a folder is made");
    folder
}

fn read_configuration(path: &Path) -> Result<()> {
    Config::read(path).map(drop)
}

fn read_tenants(path: &Path) -> Result<()> {
    Declaration::read(path).map(drop)
}

/// Reads a whole file after an edit; a line feed is replaced everywhere.
fn edited(
    folder: &Path,
    whole: &str,
    (from, to): Edit,
    read: fn(&Path) -> Result<()>,
) -> Result<()> {
    let text = match from {
        "\n" => whole.replace(from, to),
        from => whole.replacen(from, to, 1),
    };
    let path = folder.join("file.toml");
    fs::write(&path, text).expect("the file is written");
    read(&path)
}

fn messages(shown: &mut String, whole: &str, edits: &[Edit], read: fn(&Path) -> Result<()>) {
    let folder = folder();
    for edit in edits {
        assert!(whole.contains(edit.0), "{edit:?}");
        let fault = edited(folder.path(), whole, *edit, read).expect_err(edit.1);
        let message = format!("{fault:#}");
        for secret in ["the token of", "letters!", ":word@", "十六个", "操作员", "1234567890123456"]
        {
            assert!(!message.contains(secret), "{secret} is shown: {message}");
        }
        let message = message.replace(&format!("{}/", folder.path().display()), "");
        writeln!(shown, "{:?} for {:?}\n    {message}", edit.1, edit.0).expect("text grows");
    }
}

#[test]
fn each_mistake_has_its_own_message() {
    let mut shown = String::new();
    messages(&mut shown, CONFIGURATION, WRONG_CONFIGURATIONS, read_configuration);
    messages(&mut shown, TENANTS, WRONG_TENANTS, read_tenants);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &shown).expect("the golden file is written");
    }
    let want = fs::read_to_string(&golden).expect("the golden file");
    for (found, want) in shown.lines().zip(want.lines()) {
        assert_eq!(found, want);
    }
    assert_eq!(shown.len(), want.len(), "lines are missing, or there are more");
}

#[test]
fn good_files_stay_good() {
    let folder = folder();
    for edit in GOOD_CONFIGURATIONS {
        let read = edited(folder.path(), CONFIGURATION, *edit, read_configuration);
        assert!(read.is_ok(), "{edit:?}: {read:?}");
    }
    for edit in GOOD_TENANTS {
        let read = edited(folder.path(), TENANTS, *edit, read_tenants);
        assert!(read.is_ok(), "{edit:?}: {read:?}");
    }
}
