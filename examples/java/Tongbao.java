import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.SignatureException;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Signs requests to Tongbao and verifies its notifications. Java 17 or later, nothing to install.
 *
 * <p>Copy this file. A key is a string: an RSA key as PEM (PKCS#8: BEGIN PRIVATE KEY, BEGIN PUBLIC KEY), or
 * else the shared SecretKey.
 */
public final class Tongbao {
    private static final String SIGNED_HEADERS = "content-type;host;x-tc-ocode;x-tc-action";
    private static final long CLOCK_SKEW_SECONDS = 300;
    private static final String HMAC = "TC3-HMAC-SHA256";
    private static final String RSA = "SHA256withRSA";
    private static final Pattern AUTHORIZATION = Pattern.compile(
            "(TC3-HMAC-SHA256|SHA256withRSA) Credential=([A-Za-z0-9_-]+)/([0-9-]+/wxpay/tc3_request), "
                    + "SignedHeaders=([a-z0-9;-]+), Signature=([A-Za-z0-9+/=]+)");

    private Tongbao() {}

    /** The notification is not to be believed. The message says what is wrong with it. */
    public static final class Refused extends Exception {
        private static final long serialVersionUID = 1;

        Refused(String what) {
            super(what);
        }
    }

    /** The headers of a POST of {@code body} to {@code url}. Send these bytes and no others. */
    public static Map<String, String> sign(
            String key, String secretId, String ocode, URI url, byte[] body, long now)
            throws GeneralSecurityException {
        String path = url.getRawPath().isEmpty() ? "/" : url.getRawPath();
        String target = url.getRawQuery() == null ? path : path + "?" + url.getRawQuery();
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("Authorization", "");
        headers.put("Content-Type", "application/json");
        headers.put("Host", url.getRawAuthority());
        headers.put("X-TC-Action", "wxpay");
        headers.put("X-TC-Version", "2023-04-13");
        headers.put("X-TC-Timestamp", Long.toString(now));
        headers.put("X-TC-Region", "ap-shanghai");
        headers.put("X-TC-Ocode", ocode);
        String algorithm = algorithmOf(key);
        String scope = scopeAt(now);
        String text = stringToSign(
                algorithm, Long.toString(now), scope, target, SIGNED_HEADERS, caseless(headers), body);
        String signature;
        if (algorithm.equals(RSA)) {
            Signature signer = Signature.getInstance("SHA256withRSA");
            KeyFactory keys = KeyFactory.getInstance("RSA");
            signer.initSign(keys.generatePrivate(new PKCS8EncodedKeySpec(der(key))));
            signer.update(utf8(text));
            signature = Base64.getEncoder().encodeToString(signer.sign());
        } else {
            signature = hmacSignature(key, scope, text);
        }
        headers.put("Authorization", "%s Credential=%s/%s, SignedHeaders=%s, Signature=%s"
                .formatted(algorithm, secretId, scope, SIGNED_HEADERS, signature));
        return headers;
    }

    /**
     * Throws {@link Refused} unless the platform signed this notification, just now, for us.
     *
     * @param keys for each of our SecretIds the key of its notifications: the platform's public key, or our
     *     SecretKey
     * @param ocode our own
     * @param target the path with the query, as it stands in the request line
     * @param body the raw bytes, not what a framework parsed and wrote anew
     */
    public static void verify(
            Map<String, String> keys, String ocode, String target, Map<String, String> headers, byte[] body,
            long now) throws GeneralSecurityException, Refused {
        Map<String, String> received = caseless(headers);
        Matcher parts = AUTHORIZATION.matcher(received.getOrDefault("authorization", ""));
        if (!parts.matches()) {
            throw new Refused("Authorization");
        }
        String algorithm = parts.group(1);
        String scope = parts.group(3);
        String listed = parts.group(4);
        String signature = parts.group(5);
        String key = keys.get(parts.group(2));
        if (key == null) {
            throw new Refused("SecretId");
        }
        // The key says which algorithm it is for. Were the header believed, anybody could sign with the
        // public key as if it were a shared secret.
        if (!algorithm.equals(algorithmOf(key))) {
            throw new Refused("algorithm");
        }
        String timestamp = received.getOrDefault("x-tc-timestamp", "");
        if (!timestamp.matches("[0-9]{1,12}")
                || Math.abs(now - Long.parseLong(timestamp)) > CLOCK_SKEW_SECONDS) {
            throw new Refused("timestamp");
        }
        if (!scope.equals(scopeAt(Long.parseLong(timestamp)))) {
            throw new Refused("scope");
        }
        List<String> names = Arrays.asList(listed.split(";", -1));
        if (!names.containsAll(List.of(SIGNED_HEADERS.split(";"))) || !received.keySet().containsAll(names)) {
            throw new Refused("SignedHeaders");
        }
        // The platform's key signs for every tenant, and the SecretId itself is not signed: only this
        // tells our notifications from another tenant's.
        if (!received.get("x-tc-ocode").equals(ocode)) {
            throw new Refused("Ocode");
        }
        String text = stringToSign(algorithm, timestamp, scope, target, listed, received, body);
        boolean genuine = algorithm.equals(RSA)
                ? rsaVerifies(key, text, signature)
                : MessageDigest.isEqual(utf8(hmacSignature(key, scope, text)), utf8(signature));
        if (!genuine) {
            throw new Refused("signature");
        }
    }

    private static String algorithmOf(String key) {
        return key.startsWith("-----BEGIN ") ? RSA : HMAC;
    }

    private static String scopeAt(long seconds) {
        return Instant.ofEpochSecond(seconds).atOffset(ZoneOffset.UTC).toLocalDate() + "/wxpay/tc3_request";
    }

    private static String stringToSign(
            String algorithm, String timestamp, String scope, String target, String listed,
            Map<String, String> headers, byte[] body) throws GeneralSecurityException {
        int mark = target.indexOf('?');
        String path = mark < 0 ? target : target.substring(0, mark);
        String query = mark < 0 ? "" : target.substring(mark + 1);
        StringBuilder lines = new StringBuilder();
        for (String name : listed.split(";")) {
            lines.append(name).append(':').append(headers.get(name).toLowerCase(Locale.ROOT)).append('\n');
        }
        String canonical = String.join("\n", "POST", path, query, lines, listed, sha256(body));
        return String.join("\n", algorithm, timestamp, scope, sha256(utf8(canonical)));
    }

    private static String hmacSignature(String secretKey, String scope, String text)
            throws GeneralSecurityException {
        Mac mac = Mac.getInstance("HmacSHA256");
        byte[] key = utf8("TC3" + secretKey);
        for (String part : (scope + "/" + text).split("/", 4)) {
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            key = mac.doFinal(utf8(part));
        }
        return HexFormat.of().formatHex(key);
    }

    private static boolean rsaVerifies(String publicKeyPem, String text, String signature)
            throws GeneralSecurityException {
        Signature verifier = Signature.getInstance("SHA256withRSA");
        KeyFactory keys = KeyFactory.getInstance("RSA");
        verifier.initVerify(keys.generatePublic(new X509EncodedKeySpec(der(publicKeyPem))));
        verifier.update(utf8(text));
        try {
            return verifier.verify(Base64.getDecoder().decode(signature));
        } catch (IllegalArgumentException | SignatureException malformed) {
            return false;
        }
    }

    private static byte[] der(String pem) {
        return Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
    }

    private static String sha256(byte[] bytes) throws GeneralSecurityException {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static Map<String, String> caseless(Map<String, String> headers) {
        Map<String, String> caseless = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        headers.forEach((name, value) -> caseless.put(name, value.strip()));
        return caseless;
    }

    // ---- the command line: to try it, not to copy ----

    private static final String USAGE = """
            usage: Tongbao sign KEY_FILE SECRET_ID OCODE URL BODY_FILE [UNIX_SECONDS]
                   Tongbao verify HEADERS_FILE BODY_FILE KEY_FILE SECRET_ID OCODE [UNIX_SECONDS]""";

    public static void main(String[] words) throws Exception {
        System.exit(run(words));
    }

    private static int run(String[] words) throws Exception {
        String verb = words.length == 6 || words.length == 7 ? words[0] : "";
        long now = words.length == 7 ? Long.parseLong(words[6]) : Instant.now().getEpochSecond();
        switch (verb) {
            case "sign" -> {
                String key = Files.readString(Path.of(words[1])).strip();
                byte[] body = Files.readAllBytes(Path.of(words[5]));
                sign(key, words[2], words[3], URI.create(words[4]), body, now)
                        .forEach((name, value) -> System.out.println(name + ": " + value));
                return 0;
            }
            case "verify" -> {
                List<String> lines = Files.readAllLines(Path.of(words[1]));
                Map<String, String> headers = new LinkedHashMap<>();
                for (String line : lines.subList(1, lines.size())) {
                    if (!line.isEmpty()) {
                        String[] parts = line.split(": ", 2);
                        headers.put(parts[0], parts[1]);
                    }
                }
                String target = lines.get(0).split(" ")[1];
                byte[] body = Files.readAllBytes(Path.of(words[2]));
                String key = Files.readString(Path.of(words[3])).strip();
                try {
                    verify(Map.of(words[4], key), words[5], target, headers, body, now);
                } catch (Refused refused) {
                    System.out.println("refused: " + refused.getMessage());
                    return 1;
                }
                System.out.println("genuine");
                return 0;
            }
            default -> {
                System.err.println(USAGE);
                return 2;
            }
        }
    }
}
