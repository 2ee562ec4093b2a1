"""What a gateway sends to WeChat Pay, recorded on its way to `tongbao sandbox` and verified with
`cryptography` over the raw bytes."""

import base64
import contextlib
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from support import PATIENCE, Recorder, control, holds, report, running

sys.path.append(str(pathlib.Path(__file__).resolve().parents[4] / "examples" / "python"))
import tongbao  # noqa: E402

MEMBERS = ("mchid", "nonce_str", "timestamp", "serial_no", "signature")
AUTHORIZATION = re.compile(
    "WECHATPAY2-SHA256-RSA2048 " + ",".join(f'{name}="(?P<{name}>[^"]+)"' for name in MEMBERS)
)


def main(program):
    for trust in ("certificate", "public_key"):
        with contextlib.ExitStack() as stack:
            data = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            arguments = ("--listen", "127.0.0.1:0", "--data", str(data), "--wxpay-trust", trust)
            url = stack.enter_context(running(program, "sandbox", *arguments))
            file = json.loads((data / "dev.json").read_text())
            proxy = stack.enter_context(Recorder(lambda *request: forward(url, *request)))
            config = configure(program, data, file, trust, proxy.url)
            gateway = stack.enter_context(running(program, "serve", "--config", config))
            work(file, gateway, url)
            verify_all(file["wxpay"], trust, proxy)
    report("requests of a gateway")


def forward(url, method, path, headers, body):
    """Sends a request on as it came, and the answer back."""
    dropped = ("host", "content-length", "connection")
    kept = {name: value for name, value in headers if name.lower() not in dropped}
    request = urllib.request.Request(url + path, data=body or None, headers=kept, method=method)
    try:
        answer = urllib.request.urlopen(request, timeout=PATIENCE)
    except urllib.error.HTTPError as refusal:
        answer = refusal
    with answer:
        names = [(n, v) for n, v in answer.headers.items() if n.lower() not in dropped]
        return answer.status, names, answer.read()


def configure(program, data, file, trust, wechat_url):
    """A gateway in a folder, with one tenant whose WeChat Pay is behind the proxy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    master_key = subprocess.run([program, "secrets", "generate"], check=True, capture_output=True)
    (data / "master.key").write_bytes(master_key.stdout.split()[-1])
    (data / "platform.pem").write_bytes(private_pem())
    config = data / "gateway.toml"
    config.write_text(
        f'listen = "{address}"\noperations_listen = "{address}"\n'
        f'public_url = "http://{address}"\ndatabase = "sqlite:{data}/gateway.db"\n'
        f'admin_token = "{file["admin_token"]}"\nmaster_key_file = "master.key"\n'
        'platform_private_key_file = "platform.pem"\nallow_private_notify_urls = true\n'
    )
    names = ["mchid", "appid", "serial_no", "private_key_pem", "apiv3_key"]
    if trust == "public_key":
        names += ["public_key_id", "public_key_pem"]
    settings = "".join(f"{name} = '''{file['wxpay'][name]}'''\n" for name in names)
    wecard = file["wecard"]
    tenants = data / "tenants.toml"
    tenants.write_text(
        f'[[tenant]]\nocode = "{wecard["ocode"]}"\n'
        f'[[tenant.key]]\nsecret_id = "{wecard["hmac"]["secret_id"]}"\n'
        f'secret_key = "{wecard["hmac"]["secret_key"]}"\n'
        f'[[tenant.merchant]]\nid = "{wecard["merchants"][0]}"\naccounts = ["wx"]\n'
        '[[tenant.account]]\nname = "wx"\nchannel = "wxpay"\n'
        f'[tenant.account.settings]\nbase_url = "{wechat_url}"\n{settings}'
    )
    subprocess.run(
        [program, "apply", str(tenants), "--config", str(config)], check=True, capture_output=True
    )
    return str(config)


def private_pem():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def work(file, gateway, sandbox_url):
    """A merchant's day: an order that is paid, and one that is closed."""
    placed = call(file, gateway, "c2b/unified_order", order(file, "interop_1"))
    control(sandbox_url, "pay", pay_info=placed["PayInfo"], outcome="success")
    until_paid(file, gateway)
    call(file, gateway, "c2b/unified_order", order(file, "interop_2"))
    closed = call(file, gateway, "close_order", named(file, "interop_2"))
    holds("the order is closed", closed["OrderStatus"] == "CLOSED")


def until_paid(file, gateway):
    deadline = time.monotonic() + PATIENCE
    while call(file, gateway, "query_order", named(file, "interop_1"))["OrderStatus"] != "SUCCESS":
        holds("the order is paid in time", time.monotonic() < deadline)
        time.sleep(0.05)


def order(file, number):
    payer = {"WxAppId": file["wxpay"]["appid"], "WxOpenId": "oXLUp5OHJof5768CoFFDuuaRn8kc"}
    return {
        **named(file, number),
        "TotalAmount": 1000,
        "PayChannel": "WXPAY",
        "PayType": "MINI_PROGRAM",
        "OrderSubject": "杂粮煎饼",
        "ExternalPaymentData": json.dumps(payer),
    }


def named(file, number):
    return {"ChannelSubMerchantId": file["wecard"]["merchants"][0], "OutOrderId": number}


def call(file, gateway, path, body):
    url, data = f"{gateway}/cloudpay/v1/pay/{path}", json.dumps(body).encode()
    hmac = file["wecard"]["hmac"]
    headers = tongbao.sign(hmac["secret_key"], hmac["secret_id"], file["wecard"]["ocode"], url, data)
    request = urllib.request.Request(url, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        response = json.load(answer)["Response"]
    holds(f"{path} is answered: {response}", response.get("Result"))
    return response["Result"]


def verify_all(wxpay, trust, proxy):
    seen = set()
    while not proxy.requests.empty():
        method, target, headers, body = proxy.next()
        verify(wxpay, trust, method, target, dict(headers), body)
        seen.add(re.sub(r"out-trade-no/[^/?]+", "out-trade-no/N", f"{method} {target}"))
    transactions = "/v3/pay/transactions"
    for wanted in (
        "GET /v3/certificates",
        f"POST {transactions}/jsapi",
        f"POST {transactions}/out-trade-no/N/close",
    ):
        holds(f"{wanted} among {seen}", wanted in seen)


def verify(wxpay, trust, method, target, headers, body):
    """The rules of the request signature, as WeChat Pay publishes them."""
    names = {name.lower(): value for name, value in headers.items()}
    members = AUTHORIZATION.fullmatch(names["authorization"])
    holds(f"the scheme and its members in {names['authorization']}", members)
    certificate = x509.load_pem_x509_certificate(wxpay["cert_pem"].encode())
    holds("the merchant", members["mchid"] == wxpay["mchid"])
    holds("the serial", int(members["serial_no"], 16) == certificate.serial_number)
    holds("the time", abs(time.time() - int(members["timestamp"])) < 300)
    lines = [method, target, members["timestamp"], members["nonce_str"]]
    text = "".join(f"{line}\n" for line in lines).encode() + body + b"\n"
    signature = base64.b64decode(members["signature"], validate=True)
    # Raises where the signature does not hold.
    certificate.public_key().verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
    holds("accept", names["accept"] == "application/json")
    holds("user agent", names["user-agent"])
    if body:
        holds("content type", names["content-type"] == "application/json")
    named_key = names.get("wechatpay-serial")
    holds("the key named", trust != "public_key" or named_key == wxpay["public_key_id"])


main(sys.argv[1])
