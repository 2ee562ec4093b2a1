"""Signs requests to Tongbao and verifies its notifications. Python 3.8 or later.

Copy this file. It needs the package `cryptography`, and only for RSA keys.
A key is a string: an RSA key as PEM, or else the shared SecretKey.
"""

import base64
import hashlib
import hmac
import re
import sys
import time
from datetime import datetime, timezone
from urllib.parse import urlsplit

SIGNED_HEADERS = "content-type;host;x-tc-ocode;x-tc-action"
CLOCK_SKEW_SECONDS = 300
AUTHORIZATION = re.compile(
    r"(TC3-HMAC-SHA256|SHA256withRSA) Credential=([A-Za-z0-9_-]+)/([0-9-]+/wxpay/tc3_request), "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([A-Za-z0-9+/=]+)"
)


class Refused(Exception):
    """The notification is not to be believed. The text says what is wrong with it."""


def sign(key, secret_id, ocode, url, body, now=None):
    """The headers of a POST of `body` (bytes) to `url`. Send these bytes and no others."""
    timestamp = str(int(time.time() if now is None else now))
    parts = urlsplit(url)
    target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
    headers = {
        "Content-Type": "application/json",
        "Host": parts.netloc,
        "X-TC-Action": "wxpay",
        "X-TC-Version": "2023-04-13",
        "X-TC-Timestamp": timestamp,
        "X-TC-Region": "ap-shanghai",
        "X-TC-Ocode": ocode,
    }
    algorithm, scope = _algorithm(key), _scope(timestamp)
    text = _string_to_sign(
        algorithm, timestamp, scope, target, SIGNED_HEADERS, _lower_cased(headers), body
    )
    if algorithm == "SHA256withRSA":
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import padding

        private_key = serialization.load_pem_private_key(key.encode(), password=None)
        signed = private_key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        signature = base64.b64encode(signed).decode()
    else:
        signature = _hmac_signature(key, scope, text)
    credential = f"{secret_id}/{scope}"
    authorization = (
        f"{algorithm} Credential={credential}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}"
    )
    return {"Authorization": authorization, **headers}


def verify(keys, ocode, target, headers, body, now=None):
    """Raises Refused unless the platform signed this notification, just now, for us.

    `keys` has for each of our SecretIds the key of its notifications: the platform's public key, or our
    SecretKey. `ocode` is our own. `target` is the path with the query, as it stands in the request
    line; `body` is the raw bytes, not what a framework parsed and wrote anew.
    """
    headers = _lower_cased(headers)
    parts = AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not parts:
        raise Refused("Authorization")
    algorithm, secret_id, scope, listed, signature = parts.groups()
    key = keys.get(secret_id)
    if key is None:
        raise Refused("SecretId")
    # The key says which algorithm it is for. Were the header believed, anybody could sign with the
    # public key as if it were a shared secret.
    if algorithm != _algorithm(key):
        raise Refused("algorithm")
    timestamp = headers.get("x-tc-timestamp", "")
    now = time.time() if now is None else now
    if not re.fullmatch(r"[0-9]{1,12}", timestamp) or abs(now - int(timestamp)) > CLOCK_SKEW_SECONDS:
        raise Refused("timestamp")
    if scope != _scope(timestamp):
        raise Refused("scope")
    names = listed.split(";")
    if not set(SIGNED_HEADERS.split(";")) <= set(names) <= set(headers):
        raise Refused("SignedHeaders")
    # The platform's key signs for every tenant, and the SecretId itself is not signed: only this
    # tells our notifications from another tenant's.
    if headers["x-tc-ocode"] != ocode:
        raise Refused("Ocode")
    text = _string_to_sign(algorithm, timestamp, scope, target, listed, headers, body)
    if algorithm == "SHA256withRSA":
        genuine = _rsa_verifies(key, text, signature)
    else:
        genuine = hmac.compare_digest(_hmac_signature(key, scope, text), signature)
    if not genuine:
        raise Refused("signature")


def _algorithm(key):
    return "SHA256withRSA" if key.startswith("-----BEGIN ") else "TC3-HMAC-SHA256"


def _scope(timestamp):
    day = datetime.fromtimestamp(int(timestamp), timezone.utc).strftime("%Y-%m-%d")
    return f"{day}/wxpay/tc3_request"


def _string_to_sign(algorithm, timestamp, scope, target, listed, headers, body):
    path, _, query = target.partition("?")
    lines = [f"{name}:{headers[name].lower()}\n" for name in listed.split(";")]
    body_hash = hashlib.sha256(body).hexdigest()
    canonical = "\n".join(["POST", path, query, "".join(lines), listed, body_hash])
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    return "\n".join([algorithm, timestamp, scope, hashed])


def _lower_cased(headers):
    return {name.lower(): value.strip() for name, value in headers.items()}


def _hmac_signature(secret_key, scope, text):
    key = ("TC3" + secret_key).encode()
    for part in scope.split("/") + [text]:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def _rsa_verifies(public_key_pem, text, signature):
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    public_key = serialization.load_pem_public_key(public_key_pem.encode())
    try:
        decoded = base64.b64decode(signature, validate=True)
        public_key.verify(decoded, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


# ---- the command line: to try it, not to copy ----

USAGE = """usage: tongbao.py sign KEY_FILE SECRET_ID OCODE URL BODY_FILE [UNIX_SECONDS]
       tongbao.py verify HEADERS_FILE BODY_FILE KEY_FILE SECRET_ID OCODE [UNIX_SECONDS]"""


def main(verb=None, *arguments):
    now = int(arguments[5]) if len(arguments) == 6 else None
    if verb == "sign" and len(arguments) in (5, 6):
        key_file, secret_id, ocode, url, body_file = arguments[:5]
        headers = sign(_text(key_file).strip(), secret_id, ocode, url, _bytes(body_file), now)
        for name, value in headers.items():
            print(f"{name}: {value}")
        return 0
    if verb == "verify" and len(arguments) in (5, 6):
        headers_file, body_file, key_file, secret_id, ocode = arguments[:5]
        request_line, *lines = _text(headers_file).splitlines()
        headers = dict(line.split(": ", 1) for line in lines if line)
        target = request_line.split(" ")[1]
        keys = {secret_id: _text(key_file).strip()}
        try:
            verify(keys, ocode, target, headers, _bytes(body_file), now)
        except Refused as refused:
            print(f"refused: {refused}")
            return 1
        print("genuine")
        return 0
    print(USAGE, file=sys.stderr)
    return 2


def _bytes(path):
    with open(path, "rb") as file:
        return file.read()


def _text(path):
    return _bytes(path).decode()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
