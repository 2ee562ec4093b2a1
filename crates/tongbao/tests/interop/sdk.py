"""The unmodified SDK `wechatpayv3` against `tongbao sandbox`."""

import json
import pathlib
import sys
import tempfile

import requests
from wechatpayv3 import WeChatPay, WeChatPayType

from support import Recorder, control, holds, report, running

REAL = "https://api.mch.weixin.qq.com"


def main(program):
    for trust in ("certificate", "public_key"):
        with tempfile.TemporaryDirectory() as data:
            arguments = ("--listen", "127.0.0.1:0", "--data", data, "--wxpay-trust", trust)
            with running(program, "sandbox", *arguments) as url:
                file = json.loads(pathlib.Path(data, "dev.json").read_text())["wxpay"]
                with pointed_at(url), Recorder(lambda *_: (200, [], b"")) as merchant:
                    trade(trust, file, url, merchant)
    report("wechatpayv3")


class pointed_at:
    """Sends what goes to the real server to the sandbox: the SDK has no option for it."""

    def __init__(self, url):
        self.url, self.send = url, requests.Session.request

    def __enter__(self):
        def request(session, method, url, **options):
            return self.send(session, method, url.replace(REAL, self.url), **options)

        requests.Session.request = request

    def __exit__(self, *_):
        requests.Session.request = self.send


def client(trust, file, notify_url):
    public_key = {"public_key": file["public_key_pem"], "public_key_id": file["public_key_id"]}
    return WeChatPay(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=file["mchid"],
        private_key=file["private_key_pem"],
        cert_serial_no=file["serial_no"],
        apiv3_key=file["apiv3_key"],
        appid=file["appid"],
        notify_url=notify_url,
        **(public_key if trust == "public_key" else {}),
    )


def trade(trust, file, url, merchant):
    sdk = client(trust, file, f"{merchant.url}/callback")
    certificates(trust, file, sdk)
    number = f"interop-{trust}"
    package = ordered(sdk, number)
    status, found = told(sdk.query(out_trade_no=number))
    holds("an order is queried", (status, found["trade_state"]) == (200, "NOTPAY"))

    pay_info = bridge(sdk, file, package)
    paid = control(url, "pay", pay_info=pay_info, outcome="success")
    holds("the phone takes what the SDK signs", paid["result"] == "success")
    event = callback(sdk, merchant)
    holds("a payment is told", event["event_type"] == "TRANSACTION.SUCCESS")
    holds("of this order", event["resource"]["out_trade_no"] == number)

    status, refund = told(
        sdk.refund(
            out_trade_no=number,
            out_refund_no=f"{number}-r",
            amount={"refund": 40, "total": 100, "currency": "CNY"},
            notify_url=f"{merchant.url}/callback",
        )
    )
    holds("a refund is made", status == 200 and refund["amount"]["refund"] == 40)
    event = callback(sdk, merchant)
    holds("a refund is told", event["event_type"] == "REFUND.SUCCESS")
    status, _ = told(sdk.query_refund(out_refund_no=f"{number}-r"))
    holds("a refund is queried", status == 200)

    ordered(sdk, f"{number}-2")
    holds("an order is closed", sdk.close(out_trade_no=f"{number}-2")[0] == 204)
    if trust == "certificate":
        rotation(sdk, url, number)


def told(answer):
    status, text = answer
    return status, json.loads(text)


def certificates(trust, file, sdk):
    """The SDK fetched the certificates by itself; without any it does not come to life."""
    if trust == "certificate":
        serials = [certificate.serial_number for certificate in sdk._core._certificates]
        holds("certificates are fetched", serials == [int(file["platform_serial_no"], 16)])
    else:
        status, answer = told(sdk._core.request("/v3/certificates"))
        holds("there are none", (status, answer["code"]) == (404, "RESOURCE_NOT_EXISTS"))


def ordered(sdk, number):
    status, answer = told(
        sdk.pay(
            description="杂粮煎饼",
            out_trade_no=number,
            amount={"total": 100, "currency": "CNY"},
            payer={"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        )
    )
    holds("an order is placed", status == 200)
    return f"prepay_id={answer['prepay_id']}"


def bridge(sdk, file, package):
    """What the page hands to WeChat, signed by the SDK."""
    time, nonce = "1700000000", "5K8264ILTKCH16CQ2502SI8ZNMTM67VS"
    signature = sdk.sign([file["appid"], time, nonce, package])
    return {
        "appId": file["appid"],
        "timeStamp": time,
        "nonceStr": nonce,
        "package": package,
        "signType": "RSA",
        "paySign": signature,
    }


def callback(sdk, merchant):
    """The next callback, by names as they came: the SDK looks them up in WeChat Pay's own case."""
    _, _, headers, body = merchant.next()
    event = sdk.callback(dict(headers), body)
    holds("a callback is believed and opened", event)
    holds("no other body is", not sdk.callback(dict(headers), body + b" "))
    return event


def rotation(sdk, url, number):
    """A certificate takes the place of another; the SDK fetches it when it meets its serial."""
    made = control(url, "rotate", channel="wxpay")
    status, _ = told(sdk.query(out_trade_no=number))
    serials = [certificate.serial_number for certificate in sdk._core._certificates]
    holds("an answer of the new certificate is believed", status == 200)
    holds("both are listed", len(serials) == 2 and int(made["platform_serial_no"], 16) in serials)
    control(url, "end_rotation", channel="wxpay")
    sdk._core._update_certificates()
    holds("one is left", len(sdk._core._certificates) == 1)


main(sys.argv[1])
