//! Numbers of platforms, kinds of payment and states: one table each, read both ways.

use channel::Scene;
use kernel::{AttentionKind, Order, OrderState, Refund, RefundState};
use ledger::Fen;

/// `pay_platform`. Membership cards (3) and bookkeeping (4) are not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// 微信支付
    Wechat,
    /// 支付宝
    Alipay,
}

impl Platform {
    /// Every platform.
    pub(crate) const ALL: [Platform; 2] = [Platform::Wechat, Platform::Alipay];

    /// `pay_platform`
    pub(crate) const fn number(self) -> i64 {
        match self {
            Platform::Wechat => 1,
            Platform::Alipay => 2,
        }
    }

    /// `sub_pay_platform`: the common kind of each.
    pub(crate) const fn sub_number(self) -> i64 {
        match self {
            Platform::Wechat => 100,
            Platform::Alipay => 200,
        }
    }

    /// The channel's name in the rest of Tongbao.
    pub(crate) const fn channel(self) -> &'static str {
        match self {
            Platform::Wechat => "wxpay",
            Platform::Alipay => "alipay",
        }
    }

    /// The platform with this number.
    pub(crate) fn of_number(number: i64) -> Option<Platform> {
        Platform::ALL.into_iter().find(|platform| platform.number() == number)
    }

    /// The platform that a channel is.
    pub(crate) fn of_channel(channel: &str) -> Option<Platform> {
        Platform::ALL.into_iter().find(|platform| platform.channel() == channel)
    }

    /// The platform of the payer's code (付款码), by its first two digits.
    pub(crate) fn of_code(code: &str) -> Option<Platform> {
        match code.get(..2)?.parse::<u8>().ok()? {
            10..=15 => Some(Platform::Wechat),
            25..=30 => Some(Platform::Alipay),
            _ => None,
        }
    }
}

/// `trade_type`
pub(crate) const fn trade_type(scene: Scene) -> Option<i64> {
    match scene {
        Scene::Swipe => Some(1),
        Scene::Pc => Some(2),
        Scene::Public => Some(3),
        Scene::App => Some(4),
        Scene::H5 => Some(6),
        Scene::MiniProgram => Some(9),
        // Nothing of this API is paid so.
        Scene::Agreement | Scene::Authorize => None,
    }
}

/// Where an order stands, as far as this API tells states apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The platform has not confirmed it yet.
    New,
    /// The payer can pay.
    Waiting,
    Paid,
    PartlyRefunded,
    Refunded,
    /// It stood at the platform and was closed or reversed.
    Closed,
    /// It never stood there, or its code was refused.
    Void,
}

impl Progress {
    /// While the platform has not confirmed a close, the order is as payable as before.
    pub(crate) fn of(order: &Order) -> Progress {
        match &order.state {
            OrderState::Init => Progress::New,
            OrderState::Paying(_) | OrderState::Closing(_) => Progress::Waiting,
            OrderState::Paid(_) => match order.funds.refunded {
                Fen::ZERO => Progress::Paid,
                refunded if refunded < order.paid_amount() => Progress::PartlyRefunded,
                _ => Progress::Refunded,
            },
            OrderState::Closed { .. } => Progress::Closed,
            OrderState::Failed { .. } if is_void(order) => Progress::Void,
            OrderState::Failed { .. } => Progress::Closed,
        }
    }
}

fn is_void(order: &Order) -> bool {
    if order.terms.request.scene == Scene::Swipe {
        order.cancel.is_none()
    } else {
        !order.is_confirmed
    }
}

/// The rows of `current_trade_state`: at WeChat Pay for orders that are created first and for those that a
/// code pays, then at Alipay.
const ORDER_STATES: [(Progress, [i64; 4]); 7] = [
    (Progress::New, [1, 9, 1, 4]),
    (Progress::Waiting, [6, 9, 4, 4]),
    (Progress::Paid, [3, 2, 2, 2]),
    (Progress::PartlyRefunded, [4, 4, 2, 2]),
    (Progress::Refunded, [4, 4, 5, 5]),
    (Progress::Closed, [7, 8, 5, 5]),
    (Progress::Void, [11, 10, 7, 7]),
];

/// `current_trade_state`
pub(crate) fn current_trade_state(platform: Platform, scene: Scene, progress: Progress) -> i64 {
    let column = match (platform, scene == Scene::Swipe) {
        (Platform::Wechat, false) => 0,
        (Platform::Wechat, true) => 1,
        (Platform::Alipay, false) => 2,
        (Platform::Alipay, true) => 3,
    };
    let row = ORDER_STATES.iter().find(|(known, _)| *known == progress);
    row.map_or(1, |(_, numbers)| numbers[column])
}

/// Where a refund stands, as far as this API tells states apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefundProgress {
    New,
    Processing,
    Done,
    Failed,
    /// The merchant has its money, and a person ended it.
    ByHand,
}

impl RefundProgress {
    pub(crate) fn of(refund: &Refund) -> RefundProgress {
        match &refund.state {
            RefundState::Requesting if refund.version == 1 => RefundProgress::New,
            RefundState::Preparing { .. } | RefundState::Requesting | RefundState::Processing => {
                RefundProgress::Processing
            }
            RefundState::Done { .. } | RefundState::SettledByHand { .. } => RefundProgress::Done,
            // What the channel contradicts is not known: another number could pay it twice.
            RefundState::Failed { .. } if is_contradicted(refund) => RefundProgress::Processing,
            RefundState::Failed { .. } => RefundProgress::Failed,
            RefundState::WrittenOff { .. } => RefundProgress::ByHand,
        }
    }
}

fn is_contradicted(refund: &Refund) -> bool {
    let kind = refund.attention.as_ref().map(|attention| attention.kind);
    kind == Some(AttentionKind::Contradiction)
}

/// The state of a refund, at WeChat Pay and at Alipay.
const REFUND_STATES: [(RefundProgress, [i64; 2]); 5] = [
    (RefundProgress::New, [1, 1]),
    (RefundProgress::Processing, [4, 4]),
    (RefundProgress::Done, [2, 2]),
    (RefundProgress::Failed, [3, 3]),
    (RefundProgress::ByHand, [5, 3]),
];

/// `state` of a refund at WeChat Pay, `refund_status` at Alipay.
pub(crate) fn refund_state(platform: Platform, progress: RefundProgress) -> i64 {
    let column = match platform {
        Platform::Wechat => 0,
        Platform::Alipay => 1,
    };
    let row = REFUND_STATES.iter().find(|(known, _)| *known == progress);
    row.map_or(1, |(_, numbers)| numbers[column])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the published lists say of a number.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Class {
        Pending,
        Success,
        Refund,
        Failed,
        Closed,
    }

    fn class(platform: Platform, number: i64) -> Vec<Class> {
        match (platform, number) {
            (Platform::Wechat, 1 | 6 | 9 | 12) | (Platform::Alipay, 1 | 4) => vec![Class::Pending],
            (Platform::Wechat, 2 | 3) => vec![Class::Success],
            // A part of the money may be back.
            (Platform::Alipay, 2) => vec![Class::Success, Class::Refund],
            (Platform::Wechat, 4) => vec![Class::Refund],
            (Platform::Wechat, 5 | 10 | 11) | (Platform::Alipay, 7) => vec![Class::Failed],
            (Platform::Wechat, 7 | 8) => vec![Class::Closed],
            (Platform::Alipay, 5) => vec![Class::Closed, Class::Refund],
            other => panic!("not published: {other:?}"),
        }
    }

    fn meant(progress: Progress) -> Class {
        match progress {
            Progress::New | Progress::Waiting => Class::Pending,
            Progress::Paid => Class::Success,
            Progress::PartlyRefunded | Progress::Refunded => Class::Refund,
            Progress::Closed => Class::Closed,
            Progress::Void => Class::Failed,
        }
    }

    #[test]
    fn every_state_has_a_published_number_that_means_it() {
        for (progress, numbers) in ORDER_STATES {
            assert_eq!(ORDER_STATES.iter().filter(|(known, _)| *known == progress).count(), 1);
            let columns = [Scene::Public, Scene::Swipe];
            for (at, platform) in Platform::ALL.into_iter().enumerate() {
                for (of_scene, scene) in columns.into_iter().enumerate() {
                    let number = current_trade_state(platform, scene, progress);
                    assert_eq!(number, numbers[2 * at + of_scene]);
                    let classes = class(platform, number);
                    assert!(classes.contains(&meant(progress)), "{platform:?} {progress:?}");
                }
            }
        }
    }

    /// And back: no number stands for two classes that its platform tells apart, and those of orders that
    /// are created first are not those of codes.
    #[test]
    fn every_number_leads_back() {
        for (at, platform) in [(0, Platform::Wechat), (2, Platform::Alipay)] {
            for column in [at, at + 1] {
                for (progress, numbers) in ORDER_STATES {
                    let number = numbers[column];
                    let same = ORDER_STATES.iter().filter(|(_, other)| other[column] == number);
                    let classes = class(platform, number);
                    assert!(same.clone().all(|(it, _)| classes.contains(&meant(*it))));
                    assert!(same.clone().any(|(it, _)| *it == progress));
                }
            }
        }
        // 统一下单 and 刷卡 have numbers of their own.
        for number in [3, 6, 7] {
            assert!(ORDER_STATES.iter().all(|(_, numbers)| numbers[1] != number), "{number}");
        }
        for number in [2, 8, 9, 10] {
            assert!(ORDER_STATES.iter().all(|(_, numbers)| numbers[0] != number), "{number}");
        }
    }

    #[test]
    fn refunds_have_published_numbers() {
        let all = REFUND_STATES.map(|(progress, _)| progress);
        let shown = |platform| all.map(|progress| refund_state(platform, progress));
        assert_eq!(shown(Platform::Wechat), [1, 4, 2, 3, 5]);
        assert_eq!(shown(Platform::Alipay), [1, 4, 2, 3, 3]);
    }

    #[test]
    fn numbers_of_platforms_lead_to_each_other() {
        for platform in Platform::ALL {
            assert_eq!(Platform::of_number(platform.number()), Some(platform));
            assert_eq!(Platform::of_channel(platform.channel()), Some(platform));
            assert_eq!(platform.sub_number(), 100 * platform.number());
        }
        for (code, want) in [
            ("101234567890123456", Some(Platform::Wechat)),
            ("15", Some(Platform::Wechat)),
            ("25", Some(Platform::Alipay)),
            ("30", Some(Platform::Alipay)),
            ("16", None),
            ("99", None),
            ("1", None),
            ("付款码", None),
        ] {
            assert_eq!(Platform::of_code(code), want, "{code}");
        }
    }

    #[test]
    fn kinds_of_payment_have_the_published_numbers() {
        let numbers: Vec<_> = Scene::ALL.into_iter().filter_map(trade_type).collect();
        assert_eq!(numbers, [9, 3, 2, 6, 4, 1]);
    }
}
