//! The names of the calls.

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// Places an order of a payer who is known: inside Alipay's app.
    Create,
    /// Places an order behind a QR code.
    Precreate,
    /// Opens the cashier on a PC.
    PagePay,
    /// Opens the cashier in a mobile browser.
    WapPay,
    /// Opens the cashier from a native app.
    AppPay,
    /// Charges a payer's code, or debits by agreement.
    Pay,
    /// Asks what became of a trade.
    Query,
    /// Closes a trade that is not paid.
    Close,
    /// Ends a trade, and gives back what was paid.
    Cancel,
    /// Gives paid money back.
    Refund,
    /// Asks what became of a refund.
    RefundQuery,
    /// Opens the page on which a payer signs an agreement.
    AgreementSign,
    /// Asks where an agreement stands.
    AgreementQuery,
    /// Ends an agreement.
    AgreementUnsign,
    /// Fetches a certificate of the channel.
    CertificateDownload,
    /// Asks where the file of a bill is.
    BillDownloadUrl,
}

impl Method {
    /// Every call.
    pub(crate) const ALL: [Method; 16] = [
        Method::Create,
        Method::Precreate,
        Method::PagePay,
        Method::WapPay,
        Method::AppPay,
        Method::Pay,
        Method::Query,
        Method::Close,
        Method::Cancel,
        Method::Refund,
        Method::RefundQuery,
        Method::AgreementSign,
        Method::AgreementQuery,
        Method::AgreementUnsign,
        Method::CertificateDownload,
        Method::BillDownloadUrl,
    ];

    /// The parameter `method`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Method::Create => "alipay.trade.create",
            Method::Precreate => "alipay.trade.precreate",
            Method::PagePay => "alipay.trade.page.pay",
            Method::WapPay => "alipay.trade.wap.pay",
            Method::AppPay => "alipay.trade.app.pay",
            Method::Pay => "alipay.trade.pay",
            Method::Query => "alipay.trade.query",
            Method::Close => "alipay.trade.close",
            Method::Cancel => "alipay.trade.cancel",
            Method::Refund => "alipay.trade.refund",
            Method::RefundQuery => "alipay.trade.fastpay.refund.query",
            Method::AgreementSign => "alipay.user.agreement.page.sign",
            Method::AgreementQuery => "alipay.user.agreement.query",
            Method::AgreementUnsign => "alipay.user.agreement.unsign",
            Method::CertificateDownload => "alipay.open.app.alipaycert.download",
            Method::BillDownloadUrl => "alipay.data.dataservice.bill.downloadurl.query",
        }
    }

    /// Reads the parameter.
    pub(crate) fn from_name(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.name() == name)
    }

    /// The member of the answer that is signed.
    pub(crate) fn answer_member(self) -> String {
        format!("{}_response", self.name().replace('.', "_"))
    }

    /// `product_code` of an order; `None` of a call that places none.
    pub(crate) const fn product_code(self) -> Option<&'static str> {
        match self {
            Method::Create => Some("JSAPI_PAY"),
            Method::Precreate | Method::Pay => Some("FACE_TO_FACE_PAYMENT"),
            Method::PagePay => Some("FAST_INSTANT_TRADE_PAY"),
            Method::WapPay => Some("QUICK_WAP_WAY"),
            Method::AppPay => Some("QUICK_MSECURITY_PAY"),
            Method::Query
            | Method::Close
            | Method::Cancel
            | Method::Refund
            | Method::RefundQuery
            | Method::AgreementSign
            | Method::AgreementQuery
            | Method::AgreementUnsign
            | Method::CertificateDownload
            | Method::BillDownloadUrl => None,
        }
    }
}
