#!/usr/bin/env python3
"""Talks to the 腾讯云支付 API (docs/cpay.md), with the standard library alone.

    cpay.py prove              the codes are computed as published
    cpay.py live DEV_JSON      an order against a running `tongbao dev`: placed, paid, notified, refunded
"""
import hashlib
import hmac
import json
import queue
import secrets
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

UNKNOWN = (3, 103)
"""Of these statuses the same call is sent again, under the same number."""


class Refused(Exception):
    """The call failed for good: `status`, `internal_status` and `description`."""


class NotKnown(Exception):
    """What became of the call is not known. Never change the number for it."""


class NotGenuine(Exception):
    """A text whose code is not that of the key."""


def authen_code(key: str, text: str) -> str:
    """The code over a text: never of a text that was parsed and written again."""
    return hmac.new(key.encode("ascii"), text.encode(), hashlib.sha256).hexdigest().upper()


def seal(key: str, text: str) -> dict:
    return {"a": {"authen_type": 1, "authen_code": authen_code(key, text)}}


def verify(key: str, text: str, authen_info: dict) -> None:
    """Raises unless the code is that of the text."""
    code = str(authen_info.get("a", {}).get("authen_code", ""))
    if not hmac.compare_digest(code.upper(), authen_code(key, text)):
        raise NotGenuine("authen_code does not match")


def notified(key: str, body: bytes) -> dict:
    """The content of a notification, once it is believed."""
    outer = json.loads(body)
    verify(key, outer["request_content"], outer["authen_info"])
    return json.loads(outer["request_content"])


def acknowledgement(status: int = 0) -> bytes:
    """The answer to a notification: anything but status 0 has it sent again."""
    text = json.dumps({"status": status, "description": "ok"})
    return json.dumps({"response_content": text}).encode()


class Client:
    """A 子商户 at one of its 门店."""

    def __init__(self, base_url: str, ids: dict, key: str):
        self.base_url, self.ids, self.key = base_url, ids, key

    def call(self, name: str, content: dict) -> dict:
        """The result of a call, after its answer was verified."""
        content = {"nonce_str": secrets.token_hex(16), **content}
        content["pay_mch_key"] = {**self.ids, **content.get("pay_mch_key", {})}
        content.setdefault("order_client", {"spbill_create_ip": "127.0.0.1"})
        text = json.dumps(content)
        body = {"request_content": text, "authen_info": seal(self.key, text)}
        request = urllib.request.Request(
            f"{self.base_url}/cpay/{name}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json;charset=UTF-8"},
        )
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                outer = json.loads(answer.read())
        except (OSError, ValueError) as fault:
            raise NotKnown(fault) from fault
        return self.opened(name, outer)

    def opened(self, name: str, outer: dict) -> dict:
        text = outer["response_content"]
        content = json.loads(text)
        status = content["status"]
        # Success without a code is an answer of somebody else.
        if "authen_info" in outer or status == 0:
            try:
                verify(self.key, text, outer.get("authen_info", {}))
            except NotGenuine as fault:
                raise NotKnown(fault) from fault
        why = (status, content["internal_status"], content.get("description"))
        if status in UNKNOWN:
            raise NotKnown(why)
        if status != 0:
            raise Refused(why)
        return content[name]

    def insist(self, name: str, content: dict) -> dict:
        """The same, sent again while its outcome is not known."""
        for _ in range(10):
            try:
                return self.call(name, content)
            except NotKnown:
                time.sleep(3)
        raise NotKnown(f"{name}: query it later")


PAIRS = [
    (
        "696FF05FA7CE76664211A47CD788CC30",
        "ea90ceba",
        "2F09EFCB064D4F9A4A0BABD5260842D8AC4D0611F4B941A03A77E5E55B5168D7",
    ),
    (
        "k7Qe2mZx9Tn4Vb1Lr8Ws5Yd3Hf6Jg0Pc",
        r'{"status":0,"description":"\u64CD\u4F5C\u6210\u529F","log_id":1,"internal_status":0}',
        "451B8A86B92C38119EC9EB8A5DBEECD7F5F1EBD1786C8AA502E4424F0B6A5E24",
    ),
]


def prove() -> None:
    for key, text, want in PAIRS:
        assert authen_code(key, text) == want, text
        verify(key, text, {"a": {"authen_type": 1, "authen_code": want.lower()}})
        for changed in (text + "\n", text + " "):
            try:
                verify(key, changed, {"a": {"authen_type": 1, "authen_code": want}})
            except NotGenuine:
                continue
            raise AssertionError(f"{changed!r} is believed")
    print(f"cpay     {len(PAIRS)} codes computed as they should be")


def listen(key: str):
    """A server for notifications; its URL, and what it was notified of."""
    contents = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                contents.put(notified(key, body))
                answer = acknowledgement()
            except NotGenuine:
                answer = acknowledgement(101)
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/notify", contents


def pay(sandbox_url: str, args: dict) -> None:
    """The payer's phone: it gets what the bridge of WeChat gets."""
    bridge = {
        "appId": args["app_id"],
        "timeStamp": args["timestamp"],
        "nonceStr": args["nonce_str"],
        "package": args["package"],
        "signType": args["sign_type"],
        "paySign": args["pay_sign"],
    }
    body = json.dumps({"pay_info": json.dumps(bridge), "outcome": "success"}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{sandbox_url}/control/pay", body, headers)
    urllib.request.urlopen(request, timeout=15).close()


def live(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        dev = json.load(file)
    own = dev["cpay"]
    ids = {name: own[name] for name in ("out_mch_id", "out_sub_mch_id", "out_shop_id")}
    ids["pay_platform"] = 1
    client = Client(dev["base_url"], ids, own["authen_key"])
    notify_url, contents = listen(own["authen_key"])
    number = f"{own['order_prefix']}{int(time.time() * 1000)}"
    order = {
        "pay_mch_key": {"wxpay_pay_mch_key_ext": {"sub_open_id": "oxEiL1Yq1eIlkll987C-o3v9y6MYQ"}},
        "pay_content": {
            "out_trade_no": number,
            "total_fee": 1000,
            "fee_type": "CNY",
            "body": "杂粮煎饼",
            "caller_notify_url": notify_url,
        },
        "trade_type": 3,
    }
    placed = client.insist("official_account_pay", order)
    assert placed["order_content"]["wxpay_order_content_ext"]["current_trade_state"] == 6, placed
    print(f"placed   {number}")
    pay(dev["sandbox_url"], placed["jsapi_args"]["wxpay"]["get_brand_wcpay"])
    paid = contents.get(timeout=30)["order_content"]
    assert (paid["out_trade_no"], paid["total_fee"]) == (number, 1000), paid
    print(f"notified paid as {paid['transaction_id']}")
    found = client.insist("query_order", {"out_trade_no": number})["order_content"]
    assert found["wxpay_order_content_ext"]["current_trade_state"] == 3, found
    try:
        other = {**order["pay_content"], "total_fee": 1}
        client.call("official_account_pay", {**order, "pay_content": other})
        raise AssertionError("another order under the same number")
    except Refused as refused:
        assert refused.args[0][:2] == (102, 407), refused
    refund = {
        "refund_content": {
            "out_trade_no": number,
            "out_refund_no": f"{number}R",
            "total_fee": 1000,
            "refund_fee": 1000,
            "refund_fee_type": "CNY",
        }
    }
    client.insist("refund", refund)
    back = contents.get(timeout=30)["refund_order_content"][0]
    assert back["wxpay_refund_order_content_ext"]["state"] == 2, back
    print(f"notified refunded as {back['refund_id']}")
    asked = {"out_trade_no": number, "out_refund_no": f"{number}R"}
    found = client.insist("query_refund_order", asked)["refund_order_content"][0]
    assert found["refund_fee"] == 1000 and not found["is_transforming"], found
    print("done")


if __name__ == "__main__":
    words = sys.argv[1:]
    if words == ["prove"]:
        prove()
    elif len(words) == 2 and words[0] == "live":
        live(words[1])
    else:
        sys.exit(__doc__)
