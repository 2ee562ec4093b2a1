"""The unmodified SDK `python-alipay-sdk` against `tongbao sandbox`."""

import datetime
import io
import json
import os
import pathlib
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import zipfile

from alipay import AliPay, DCAliPay
from alipay.exceptions import AliPayException

from support import Recorder, control, holds, report, running

# The SDK signs at the machine's local time, which Alipay reads as Beijing's.
os.environ["TZ"] = "Asia/Shanghai"
time.tzset()


def main(program):
    with tempfile.TemporaryDirectory() as data:
        with running(program, "sandbox", "--listen", "127.0.0.1:0", "--data", data) as url:
            file = json.loads(pathlib.Path(data, "dev.json").read_text())["alipay"]
            with Recorder(lambda *_: (200, [], b"success")) as seller:
                for key in ("app_private_key_pem", "app_private_key_pkcs1_pem"):
                    trade(client(file, file[key], seller), url, seller, f"interop_{len(key)}")
                trade(certified(file, seller), url, seller, "interop_certified")
                in_a_browser(client(file, file["app_private_key_pem"], seller), url)
                a_strangers_key(file, seller)
                a_bill(client(file, file["app_private_key_pem"], seller), url)
    report("python-alipay-sdk")


def client(file, private_key, seller):
    sdk = AliPay(
        appid=file["app_id"],
        app_notify_url=f"{seller.url}/callback",
        app_private_key_string=private_key,
        alipay_public_key_string=file["alipay_public_key_pem"],
    )
    sdk._gateway = file["gateway_url"]
    return sdk


def certified(file, seller):
    """The SDK in certificate mode: it names its certificate and the authority in each call."""
    sdk = DCAliPay(
        appid=file["app_id"],
        app_notify_url=f"{seller.url}/callback",
        app_private_key_string=file["app_private_key_pem"],
        app_public_key_cert_string=file["app_cert_pem"],
        alipay_public_key_cert_string=file["alipay_cert_pem"],
        alipay_root_cert_string=file["alipay_root_cert_pem"],
    )
    sdk._gateway = file["gateway_url"]
    return sdk


def trade(sdk, url, seller, number):
    """A QR code's life. The SDK verifies each answer over its raw bytes."""
    placed = sdk.api_alipay_trade_precreate("杂粮煎饼", number, 1.5)
    holds("an order is placed", placed["code"] == "10000")
    found = sdk.api_alipay_trade_query(out_trade_no=number)
    holds("nobody has scanned it", found["sub_code"] == "ACQ.TRADE_NOT_EXIST")

    paid = control(url, "pay", pay_info=placed["qr_code"], outcome="success")
    holds("the phone pays", paid["result"] == "success")
    told = callback(sdk, seller)
    holds("a payment is told", (told["trade_status"], told["total_amount"]) == ("TRADE_SUCCESS", "1.50"))
    holds("of this order", told["out_trade_no"] == number)
    found = sdk.api_alipay_trade_query(out_trade_no=number)
    holds("it is paid", (found["trade_status"], found["trade_no"]) == ("TRADE_SUCCESS", told["trade_no"]))

    refund = sdk.api_alipay_trade_refund(0.4, out_trade_no=number, out_request_no=f"{number}_r")
    holds("a refund is made", (refund["fund_change"], refund["refund_fee"]) == ("Y", "0.40"))
    holds("and told", callback(sdk, seller)["refund_fee"] == "0.40")
    again = sdk.api_alipay_trade_refund(0.4, out_trade_no=number, out_request_no=f"{number}_r")
    holds("and made once", (again["fund_change"], again["refund_fee"]) == ("N", "0.40"))
    found = sdk.api_alipay_trade_fastpay_refund_query(f"{number}_r", out_trade_no=number)
    holds("it is queried", (found["refund_status"], found["refund_amount"]) == ("REFUND_SUCCESS", "0.40"))
    refused = sdk.api_alipay_trade_close(out_trade_no=number)
    holds("what is paid is not closed", refused["sub_code"] == "ACQ.TRADE_STATUS_ERROR")

    created = sdk.api_alipay_trade_create("杂粮煎饼", f"{number}_c", 1.5, buyer_id="2088102146225135")
    holds("a trade is created", created["code"] == "10000")
    closed = sdk.api_alipay_trade_close(out_trade_no=f"{number}_c")
    holds("and closed", (closed["code"], closed["trade_no"]) == ("10000", created["trade_no"]))
    cancelled = sdk.api_alipay_trade_cancel(out_trade_no=number)
    holds("the rest goes back", (cancelled["action"], cancelled["retry_flag"]) == ("refund", "N"))
    holds("and is told", callback(sdk, seller)["trade_status"] == "TRADE_CLOSED")


def callback(sdk, seller):
    """A callback that the SDK verifies."""
    _, _, _, body = seller.next()
    told = dict(urllib.parse.parse_qsl(body.decode()))
    signature = told.pop("sign")
    holds("the SDK verifies a callback", sdk.verify(dict(told), signature))
    return told


def in_a_browser(sdk, url):
    """Texts that the SDK signs for a browser and an app, opened by the phone."""
    for kind in ("wap", "page", "app"):
        make = getattr(sdk, f"api_alipay_trade_{kind}_pay")
        text = make("杂粮煎饼", f"interop_{kind}", "2.00")
        link = text if kind == "app" else f"{sdk._gateway}?{text}"
        paid = control(url, "pay", pay_info=link, outcome="success")
        holds(f"{kind} is paid", paid["result"] == "success")
        found = sdk.api_alipay_trade_query(out_trade_no=f"interop_{kind}")
        holds(f"{kind} is found", found["total_amount"] == "2.00")


def a_strangers_key(file, seller):
    """The SDK takes an unsigned refusal of the gate for what it is."""
    sdk = client(file, file["app_private_key_pem"], seller)
    sdk._appid = "2021999999999999"
    try:
        sdk.api_alipay_trade_query(out_trade_no="interop")
        holds("a stranger is refused", False)
    except AliPayException as refusal:
        holds("a stranger is refused", "isv.invalid-app-id" in str(refusal))


def a_bill(sdk, url):
    """The bill of the day that the trades before made, in GBK and a ZIP."""
    day = datetime.date.today().isoformat()
    control(url, "clock", advance_s=36 * 3600)
    asked = {"bill_type": "trade", "bill_date": day}
    found = sdk.server_api("alipay.data.dataservice.bill.downloadurl.query", asked)
    with urllib.request.urlopen(found["bill_download_url"]) as answer:
        files = zipfile.ZipFile(io.BytesIO(answer.read()))
    texts = [files.read(name).decode("gbk") for name in files.namelist()]
    detail = next(text for text in texts if "业务明细" in text)
    holds("a payment is on the bill", "interop_page\t,交易,杂粮煎饼" in detail)
    holds("a refund is below zero", ",-0.40,-0.40," in detail)


main(sys.argv[1])
