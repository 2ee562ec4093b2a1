"""One order from placing to notification, against a running `tongbao dev`, as a shop would do it.

    python3 live.py <data>/dev.json

Both kinds of key are tried. Ends within 30 seconds: with 0 when every notification came and was genuine.
"""

import http.server
import json
import queue
import secrets
import sys
import threading
import time
import urllib.request

from tongbao import Refused, sign, verify

DEADLINE = time.monotonic() + 28


class Shop:
    """A merchant's server: it waits for notifications at `notify_url`."""

    def __init__(self, keys, ocode):
        self.keys, self.ocode = keys, ocode
        self.paid = queue.Queue()
        self.seen = set()
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer, news = shop.notified(self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                if news:
                    shop.paid.put(news)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.notify_url = f"http://127.0.0.1:{self.server.server_port}/pay/notify?shop=7"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def notified(self, target, headers, body):
        """The status and the body of our answer, and what is new in the notification."""
        try:
            verify(self.keys, self.ocode, target, headers, body)
        except Refused as refused:
            # Not 2xx: should it be genuine after all, it comes again.
            print(f"notification refused: {refused}", file=sys.stderr)
            return 401, b'{"ErrCode": "FAIL"}', None
        notification = json.loads(body)
        # The same notification can come more than once: act on the first, acknowledge them all. A real shop
        # has this in its database, and writes it there before it acknowledges.
        news = None if notification["NotifyId"] in self.seen else notification["Result"]
        self.seen.add(notification["NotifyId"])
        return 200, b'{"ErrCode": "SUCCESS"}', news


def seconds_left():
    return max(0.1, DEADLINE - time.monotonic())


def post(url, body, headers):
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=seconds_left()) as answer:
            return json.load(answer)
    except OSError as fault:
        raise SystemExit(f"{url}: {fault}") from None


def call(dev, key, secret_id, path, fields):
    """Calls Tongbao; the `Result` of its answer."""
    url, body = dev["base_url"] + path, json.dumps(fields).encode()
    response = post(url, body, sign(key, secret_id, dev["wecard"]["ocode"], url, body))["Response"]
    if response["ErrCode"] != "SUCCESS":
        raise SystemExit(f"{path}: {response['ErrCode']}: {response['ErrMessage']}")
    return response["Result"]


def main(dev_json):
    with open(dev_json, encoding="utf-8") as file:
        dev = json.load(file)
    wecard = dev["wecard"]
    hmac, rsa = wecard["hmac"], wecard["rsa"]
    # This tenant has an RSA key, so the platform's key signs all its notifications.
    shop = Shop({rsa["secret_id"]: wecard["platform_public_key_pem"]}, wecard["ocode"])
    for secret_id, key in [
        (hmac["secret_id"], hmac["secret_key"]),
        (rsa["secret_id"], rsa["private_key_pem"]),
    ]:
        out_order_id = f"live_{secrets.token_hex(8)}"
        placed = call(dev, key, secret_id, "/cloudpay/v1/pay/c2b/unified_order", {
            "ChannelSubMerchantId": wecard["merchants"][0],
            "TotalAmount": 1000,
            "PayChannel": "WXPAY",
            "PayType": "MINI_PROGRAM",
            "OrderSubject": "杂粮煎饼",
            "OutOrderId": out_order_id,
            "NotifyUrl": shop.notify_url,
            "ExternalPaymentData": json.dumps({"WxOpenId": "oXLUp5OHJof5768CoFFDuuaRn8kc"}),
        })
        print(f"placed   {out_order_id} as {secret_id}: {placed['OrderStatus']}")
        # What the payer's phone does with PayInfo. Only the sandbox has such an address.
        phone = json.dumps({"pay_info": placed["PayInfo"], "outcome": "success"}).encode()
        post(dev["sandbox_url"] + "/control/pay", phone, {"Content-Type": "application/json"})
        try:
            told = shop.paid.get(timeout=seconds_left())
        except queue.Empty:
            raise SystemExit("no genuine notification came in time") from None
        print(f"notified {told['OutOrderId']}: {told['OrderStatus']}, {told['PayAmount']} fen")
        if (told["OutOrderId"], told["OrderStatus"], told["TotalAmount"]) != (
            out_order_id, "SUCCESS", "1000",
        ):
            raise SystemExit(f"not what was placed: {told}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: live.py DEV_JSON")
    main(sys.argv[1])
