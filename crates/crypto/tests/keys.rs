//! Keys, signatures and certificates through the public interface, and against the `openssl` command.

use crypto::SealFault;
use crypto::certificate::{Certificate, self_signed};
use crypto::rsa::{PssVerifier, Sealer, Signer, Verifier, generate};
use std::path::Path;
use std::process::Command;

const MESSAGE: &[u8] = "GET\n/v3/certificates\n1554208460\n杂粮煎饼\n\n".as_bytes();
/// 2025-01-01 and 2049-12-31 00:00 UTC.
const FROM: i64 = 1_735_689_600;
const UNTIL: i64 = 2_524_521_600;

#[test]
fn what_is_signed_is_verified_and_nothing_else() {
    let signer = Signer::from_pem(&generate().expect("a key")).expect("our own PEM");
    let verifier = Verifier::from_public_pem(&signer.public_pem()).expect("our own PEM");
    let signature = signer.sign(MESSAGE).expect("a signature");
    assert!(verifier.verify(MESSAGE, &signature));
    assert!(!verifier.verify(b"another message", &signature));
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let tampered = signature.replacen(&signature[..1], flipped, 1);
    for bad in [&tampered, "", "WECHATPAY/SIGNTEST/AAAA", &signature[..40]] {
        assert!(!verifier.verify(MESSAGE, bad), "{bad}");
    }
    let other = Signer::from_pem(&generate().expect("a key")).expect("our own PEM");
    let other = Verifier::from_public_pem(&other.public_pem()).expect("our own PEM");
    assert!(!other.verify(MESSAGE, &signature));
}

#[test]
fn nothing_but_an_rsa_key_is_a_key() {
    let private = generate().expect("a key");
    let public = Signer::from_pem(&private).expect("our own PEM").public_pem();
    for bad in ["", "key", &public, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
    {
        assert!(matches!(Signer::from_pem(bad), Err(SealFault::BadKey { .. })), "{bad}");
    }
    assert!(matches!(Verifier::from_public_pem(&private), Err(SealFault::BadKey { .. })));
    assert!(matches!(
        Verifier::from_certificate_pem(&public),
        Err(SealFault::BadCertificate { .. })
    ));
}

#[test]
fn debug_shows_no_key() {
    let private = generate().expect("a key");
    let signer = Signer::from_pem(&private).expect("our own PEM");
    let verifier = Verifier::from_public_pem(&signer.public_pem()).expect("our own PEM");
    assert_eq!(format!("{signer:?} {verifier:?}"), "Signer(***) Verifier(…)");
    let fault = Signer::from_pem(&private.replace("END", "FIN")).expect_err("no whole block");
    assert!(!format!("{fault:?} {fault}").contains(&private[40..60]));
}

#[test]
fn a_self_signed_certificate_says_what_was_asked() {
    let private = generate().expect("a key");
    let made = self_signed(&private, "Tenpay.com Root CA", FROM, UNTIL).expect("a certificate");
    assert_eq!(made.serial.len(), 40);
    assert!(made.serial.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')));
    assert_eq!(made.subject, "CN=Tenpay.com Root CA");
    assert_eq!((made.not_before, made.not_after), (FROM, UNTIL));
    assert_eq!(Certificate::read(&made.pem), Ok(made.clone()));
    let signature = Signer::from_pem(&private).expect("a key").sign(MESSAGE).expect("a signature");
    let verifier = Verifier::from_certificate_pem(&made.pem).expect("its key");
    assert!(verifier.verify(MESSAGE, &signature));
    let again = self_signed(&private, "Tenpay.com Root CA", FROM, UNTIL).expect("a certificate");
    assert_ne!(again.serial, made.serial);
    assert!(Certificate::read(&made.pem.replace("CERTIFICATE", "KEY")).is_err());
}

/// The other implementation agrees: it verifies our signature and reads our certificate, and we
/// verify its signature made with its key in either PEM form.
#[test]
fn openssl_agrees() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let private = generate().expect("a key");
    let made = self_signed(&private, "crypto", FROM, UNTIL).expect("a certificate");
    openssl.put("ours.pem", private.as_bytes());
    openssl.put("ours.crt", made.pem.as_bytes());
    openssl.put("message", MESSAGE);

    let signer = Signer::from_pem(&private).expect("our own PEM");
    openssl.put("ours.pub", signer.public_pem().as_bytes());
    let signature = signer.sign(MESSAGE).expect("a signature");
    openssl.put("ours.sig", &crypto::text::from_base64(&signature).expect("Base64"));
    openssl.run("dgst -sha256 -verify ours.pub -signature ours.sig message");
    let serial = openssl.run("x509 -in ours.crt -noout -serial");
    assert_eq!(String::from_utf8_lossy(&serial).trim(), format!("serial={}", made.serial));
    openssl.run("verify -x509_strict -CAfile ours.crt -partial_chain ours.crt");

    openssl.run("genrsa -traditional -out theirs.pem 2048");
    openssl.run("pkcs8 -topk8 -nocrypt -in theirs.pem -out theirs.pkcs8");
    openssl.run("dgst -sha256 -sign theirs.pem -out theirs.sig message");
    let signature = crypto::text::base64(&openssl.get("theirs.sig"));
    for file in ["theirs.pem", "theirs.pkcs8"] {
        let pem = String::from_utf8(openssl.get(file)).expect("PEM is text");
        let signer = Signer::from_pem(&pem).expect(file);
        let verifier = Verifier::from_public_pem(&signer.public_pem()).expect("our own PEM");
        assert!(verifier.verify(MESSAGE, &signature), "{file}");
        assert_eq!(signer.sign(MESSAGE), Ok(signature.clone()), "{file}");
    }
}

/// A person who must find the right file needs to know which one was given.
#[test]
fn each_wrong_kind_of_key_has_its_own_message() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    openssl.run("genrsa -out good 2048");
    openssl.run("genrsa -out short 1024");
    openssl.run("pkcs8 -topk8 -in good -passout pass:secret -out encrypted");
    openssl.run("rsa -in good -traditional -aes128 -passout pass:secret -out encrypted-old");
    openssl.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec");
    openssl.run("ecparam -name prime256v1 -genkey -noout -out ec-old");
    openssl.run("rsa -in good -pubout -out public");
    openssl.run("rsa -in short -pubout -out short-public");
    openssl.run("ec -in ec -pubout -out ec-public");
    openssl.run("req -x509 -key good -subj /CN=x -days 9 -out certificate");
    openssl.run("req -new -key good -subj /CN=x -out request");
    let text = |file: &str| String::from_utf8(openssl.get(file)).expect("PEM is text");
    let bare = |file: &str| {
        let text = text(file);
        text.lines().filter(|line| !line.starts_with("-----")).collect::<String>()
    };
    let encrypted = "a key with a password, want one without: openssl pkey -in FILE";
    let short = "an RSA key of less than 2048 bits, want 2048 to 8192";
    let base64 = "bare Base64, want PEM: with its BEGIN and END lines";
    let half = "a damaged PEM block, want BEGIN and END lines and whole Base64 between them";
    let private = |pem: &str| Signer::from_pem(pem).map(drop).map_err(|fault| fault.to_string());
    for (pem, want) in [
        (text("short"), short),
        (text("encrypted"), encrypted),
        (text("encrypted-old"), encrypted),
        (text("ec"), "a key of another kind, want an RSA key"),
        (text("ec-old"), "an EC key, want an RSA key"),
        (text("public"), "a public key, want the private key"),
        (text("certificate"), "a certificate, want the private key that belongs to it"),
        (text("request"), "a certificate request, want the private key that belongs to it"),
        (bare("good"), base64),
        (text("good")[..800].to_owned(), half),
        ("pass word!".to_owned(), "no PEM, want a text that begins with -----BEGIN"),
        (" \n".to_owned(), "empty, want PEM"),
    ] {
        assert_eq!(private(&pem), Err(want.to_owned()));
    }
    let public =
        |pem: &str| Verifier::from_public_pem(pem).map(drop).map_err(|fault| fault.to_string());
    for (pem, want) in [
        (text("short-public"), short),
        (text("ec-public"), "a key of another kind, want an RSA key"),
        (text("good"), "a private key, want the public key alone"),
        (text("encrypted"), "a private key, want the public key alone"),
        (
            text("certificate"),
            "a certificate, want the public key: openssl x509 -pubkey -noout -in FILE",
        ),
        (bare("public"), base64),
    ] {
        assert_eq!(public(&pem), Err(want.to_owned()));
    }
    let certificate = |pem: &str| Certificate::read(pem).map(drop).map_err(|it| it.to_string());
    for (pem, want) in [
        (text("good"), "a private key, want the certificate"),
        (text("public"), "a public key, want the certificate"),
        (text("request"), "a certificate request, want the certificate"),
        (bare("certificate"), base64),
    ] {
        assert_eq!(certificate(&pem), Err(want.to_owned()));
    }
    assert_eq!(private(&text("good").replace('\n', "\r\n")), Ok(()));
}

#[test]
fn what_is_sealed_opens_with_the_private_half_alone() {
    let (private, other) = (generate().expect("a key"), generate().expect("a key"));
    let signer = Signer::from_pem(&private).expect("our own PEM");
    let certificate = self_signed(&private, "channel", FROM, UNTIL).expect("a certificate");
    let name = "上海张三网络科技有限公司".as_bytes();
    for sealer in [
        Sealer::from_public_pem(&signer.public_pem()),
        Sealer::from_certificate_pem(&certificate.pem),
    ] {
        let sealer = sealer.expect("our own PEM");
        let sealed = sealer.seal(name).expect("it is short");
        assert_ne!(sealer.seal(name), Ok(sealed.clone()), "sealed alike twice");
        assert_eq!(signer.decrypt(&sealed).as_deref(), Ok(name));
        let other = Signer::from_pem(&other).expect("our own PEM");
        assert_eq!(other.decrypt(&sealed), Err(SealFault::Open));
        assert_eq!(sealer.seal(&[0; 215]), Err(SealFault::TooLong));
        let sealed = sealer.seal_sha256(name).expect("it is short");
        assert_eq!(signer.decrypt_sha256(&sealed).as_deref(), Ok(name));
        assert_eq!(signer.decrypt(&sealed), Err(SealFault::Open), "it is not that hash");
        assert_eq!(sealer.seal_sha256(&[0; 191]), Err(SealFault::TooLong));
    }
    assert!(matches!(Sealer::from_public_pem(&private), Err(SealFault::BadKey { .. })));
}

/// What was sealed here opens with another implementation.
#[test]
fn openssl_opens_what_is_sealed() {
    let Some(openssl) = Openssl::find() else { return };
    let private = generate().expect("a key");
    let signer = Signer::from_pem(&private).expect("our own PEM");
    let sealer = Sealer::from_public_pem(&signer.public_pem()).expect("our own PEM");
    let sealed = sealer.seal("张三".as_bytes()).expect("it is short");
    openssl.put("key.pem", private.as_bytes());
    openssl.put("sealed", &crypto::text::from_base64(&sealed).expect("Base64"));
    let opened =
        openssl.run("pkeyutl -decrypt -inkey key.pem -in sealed -pkeyopt rsa_padding_mode:oaep");
    assert_eq!(opened, "张三".as_bytes());
    let sealed = sealer.seal_sha256("李四".as_bytes()).expect("it is short");
    openssl.put("sealed256", &crypto::text::from_base64(&sealed).expect("Base64"));
    let opened = openssl.run(
        "pkeyutl -decrypt -inkey key.pem -in sealed256 -pkeyopt rsa_padding_mode:oaep \
         -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256",
    );
    assert_eq!(opened, "李四".as_bytes());
}

/// The `openssl` command in a directory of its own.
struct Openssl(tempfile::TempDir);

impl Openssl {
    /// `None` when the command is not installed, which only a developer's machine may be.
    fn find() -> Option<Openssl> {
        if Command::new("openssl").arg("version").output().is_ok() {
            return Some(Openssl(tempfile::tempdir().expect("a directory")));
        }
        assert!(std::env::var("CI").is_err(), "openssl is not installed");
        eprintln!("skipped: openssl is not installed");
        None
    }

    fn run(&self, arguments: &str) -> Vec<u8> {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.directory())
            .output()
            .expect("openssl starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {errors}");
        output.stdout
    }

    fn put(&self, file: &str, bytes: &[u8]) {
        std::fs::write(self.directory().join(file), bytes).expect("a file is written");
    }

    fn get(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.directory().join(file)).expect("a file is read")
    }

    fn directory(&self) -> &Path {
        self.0.path()
    }
}

/// A public key made by OpenSSL 3, and its signatures of [`PSS_MESSAGE`]: with the longest salt, with 32 bytes
/// and with 20.
const PSS_KEY: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvsczfDrq3eT2V/ZFYpbm
5XBRb8dbq2i0T6wJw+QJvw1cz2PXaZM+5qwUY9QhkUAUT9h65L3s9+iq0wBPNFBv
x7XD7IiVeUkt7lfVW1nFKLokK5yQYTApZWQ/oXvMh+unlzf1ce8b0gV0+jgd1r5A
O6C41aksDclMEUG3QNZbvYNbEdORJVAznlRafk81oEmBbXlbxuUdUnwlRM2xE+AE
Zu89kSLtkrMQQ8sTzVr9OZpZWHFn1aJ5MX6S7GH7mSWchD5zgUi1SLWXqrtpOvs+
weke+8FJF+j8dmvQhLePh40UuJe2erPvgMoQOQvJ9ic752BX25QN3L+uZNv1IIN1
SQIDAQAB
-----END PUBLIC KEY-----
";
const PSS_MESSAGE: &[u8] = br#"{"nonce_str":"0123456789abcdef0123456789abcdef"}"#;
const PSS_SIGNATURES: [&str; 3] = [
    "p68ZwiBfXKgNrKL/if+/fzIlaQgGV1UzfYvEytoQqwDeAgavuhSrr7T3Fp/jpvt8ikhoS6NBc2ybF0r7r2jAuF\
        8w5V43yBXuNfVwO1vzbMP4g68vgIAoUrgxg4XmTLkM2IqroRpu9pjFB9fBpJPB1Za/KGtTWGYz5/PYtW67lmzu\
        alCovHD2B01Q9p0OYQ5w1m63f+gxOdPILZeAa5ovryn5h9hxfPhtQ5AFCjdEDJFEJhZNbmyLUvBsb0uzRdtwso\
        jFANXZ3NRkGcoyYDYIp0XQi4339RCZA0n1DqH5eDzeTahjG9tnefQzI98F2+h+5E2rczMdkltB9f9xtSxL2Q==",
    "GkutPuvzZrXa5ZxmZEsLgGVdK3CASAfVmwEOASVuIJjD178XNQLMlAVO0LPZbw4qNmBMj6P0iEpgKrc4anOHaA\
        Jirubg3xTjx/2gIz2lK1bHQj8+/JmI6Ep08+tr8CzCQi5Sz/6jPXNTHHt1qXVbXHxwGLUFetYLrt7o7GSSCQ4h\
        VV+gseM/pDXSdUyVibhs1Am+3/+51NkFsXFTNJdGYtYj58OjQK7jTehzHy67Ws9Ghe9mgFgfKu27pabfqM0fFc\
        fASeTfpTkH+ivbp65kn8Vrq3nX0Ny6M8n5ppSutHNt1P/rOqjp0UufFDPpNmNHja9uoGZvufSRdmkcH8Oo0A==",
    "Kv6volSIPZadUx4EOU8lRlXTFeDmj+WMdhrXnp715IRVCAP8UT3gU+1ad/Ls4n3YLeSfjUmHfWHiZ8qTQ7XAVy\
        bysrda2b73gDgO36juj/DFfCzI8JBVgwJDeiaaxRRKQ5SqS6wk49jmpcCuQ7ifm7nIEPsYmSufLA/0efNsmiGK\
        4WRkj2FPDAlEUXjQD2bYHIeJeC8/SoUz4kxxxTMoxxVrxzmpDs8P8rK7+6eUnSwIJTMP04u3QuuqaYMqKhXZcd\
        YiT/MQ/ciAtPxu+vWaEs21TgJipTVa42+tXHktKekP7ksQ0qXxpamLM8CZVTjqANv637IAajgSp1O3irouoA==",
];

#[test]
fn pss_signatures_hold_with_every_usual_salt() {
    let verifier = PssVerifier::from_public_pem(PSS_KEY).expect("a public key");
    for signature in PSS_SIGNATURES {
        assert!(verifier.verify(PSS_MESSAGE, signature), "{signature}");
        assert!(!verifier.verify(b"another message", signature));
        assert!(!verifier.verify(PSS_MESSAGE, &signature.replacen('/', "+", 1)));
    }
    for wrong in ["", "%", "AAAA"] {
        assert!(!verifier.verify(PSS_MESSAGE, wrong), "{wrong}");
    }
}

#[test]
fn pss_and_pkcs1_are_not_taken_for_each_other() {
    let signer = Signer::from_pem(&generate().expect("a new key")).expect("our own PEM");
    let (pss, pkcs1) = (signer.sign_pss(b"text").expect("signed"), signer.sign(b"text"));
    let pkcs1 = pkcs1.expect("signed");
    let public = signer.public_pem();
    let of_pss = PssVerifier::from_public_pem(&public).expect("a public key");
    let of_pkcs1 = Verifier::from_public_pem(&public).expect("a public key");
    assert!(of_pss.verify(b"text", &pss) && of_pkcs1.verify(b"text", &pkcs1));
    assert!(!of_pss.verify(b"text", &pkcs1) && !of_pkcs1.verify(b"text", &pss));
}
