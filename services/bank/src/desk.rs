//! The bank's pages: which form each task has, and which books are shown.

use desk::{
    Desk, Matter,
    form::{Action, BECAUSE, Choice, Field, Kind, METHODS, TaskForm},
};

const DECLINES: &[(&str, &str)] =
    &[("CREDIT_RECORD", "信用记录"), ("REPAYMENT_SOURCE", "还款来源不足"), ("RELATED_DEBT", "关联负债过高")];
const TERMS: &[Field] = &[
    Field { name: "amount_fen", label: "本金（元）", kind: Kind::Yuan, hint: "可降低，不可提高。" },
    Field {
        name: "rate_ppm", label: "合同年利率（%）", kind: Kind::Percent, hint: "不高于放款当日的上限。"
    },
    Field { name: "method", label: "还款方式", kind: Kind::One(METHODS), hint: "" },
];

const INVESTIGATE: TaskForm = TaskForm {
    inside: "",
    tag: "finding",
    choices: &[
        Choice { code: "recommend", label: "建议放贷", fields: TERMS },
        Choice {
            code: "advise",
            label: "建议拒绝",
            fields: &[Field { name: "decline", label: "理由", kind: Kind::One(DECLINES), hint: "" }],
        },
    ],
};

const DECIDE_CREDIT: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "approve", label: "批准", fields: TERMS },
        Choice {
            code: "decline",
            label: "拒绝",
            fields: &[Field { name: "reason", label: "理由", kind: Kind::One(DECLINES), hint: "" }],
        },
        Choice { code: "return", label: "退回调查", fields: &[BECAUSE] },
    ],
};

const SIGN_LOAN_CONTRACT: TaskForm =
    TaskForm { inside: "", tag: "", choices: &[Choice { code: "", label: "借款合同已签订", fields: &[] }] };

const PREPARE_PAYMENT: TaskForm =
    TaskForm {
        inside: "", tag: "", choices: &[Choice { code: "", label: "放款已经办，交复核", fields: &[] }]
    };

const CHECK_PAYMENT: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "release", label: "放款", fields: &[] },
        Choice { code: "suspend", label: "放款，收款账户已销户，款项挂账", fields: &[] },
        Choice { code: "return", label: "退回经办", fields: &[BECAUSE] },
    ],
};

const PREPARE_CORRECTION: TaskForm = TaskForm {
    inside: "",
    tag: "",
    choices: &[Choice {
        code: "",
        label: "更正后的收款账户",
        fields: &[Field {
            name: "settle_account",
            label: "收款账户",
            kind: Kind::Text,
            hint: "借款企业名下的账号，16 至 19 位。",
        }],
    }],
};

const CHECK_CORRECTION: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "release", label: "转入更正账户", fields: &[] },
        Choice { code: "return", label: "退回经办", fields: &[BECAUSE] },
    ],
};

const CHECK_REVERSAL: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "release", label: "冲正：借款不成立", fields: &[] },
        Choice { code: "return", label: "不予冲正", fields: &[BECAUSE] },
    ],
};

const fn day_or_nothing(name: &'static str, label: &'static str, hint: &'static str) -> Field {
    Field { name, label, kind: Kind::DayOrNothing, hint }
}

const PROPOSE_RELIEF: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice {
            code: "propose",
            label: "提出方案",
            fields: &[
                day_or_nothing("extend_to", "展期至", "不展期则留空。"),
                day_or_nothing("interest_only_until", "只付利息，至此日止", "仅等额本息、等额本金；不适用则留空。"),
                day_or_nothing("principal_on", "其间本金的归还日", "须为其后的还款日。"),
                day_or_nothing("defer_due_on", "延期付息：原到期日", "不延期则留空。"),
                Field {
                    name: "defer_parts_on",
                    label: "延期利息的归还日",
                    kind: Kind::Lines,
                    hint: "每行一个日期，例如 2020-04-21；各期金额相等，余数归末期。",
                },
            ],
        },
        Choice {
            code: "decline",
            label: "不提出方案",
            fields: &[Field {
                name: "reason",
                label: "理由",
                kind: Kind::One(&[
                    ("NOT_AFFECTED", "未受影响"),
                    ("NOT_COVERED", "到期款项不在政策范围"),
                    ("NO_ABILITY", "调整后仍无还款能力"),
                    ("RENEW_INSTEAD", "建议改按续贷办理"),
                ]),
                hint: "",
            }],
        },
    ],
};

const IDENTIFY_MONEY: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "assign", label: "归还一笔贷款", fields: &[APPLICATION_ID] },
        Choice { code: "give_back", label: "退回付款人", fields: &[BECAUSE] },
    ],
};

const CHECK_IDENTIFICATION: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "release", label: "复核通过，入账", fields: &[] },
        Choice { code: "return", label: "退回经办", fields: &[BECAUSE] },
    ],
};

const APPLICATION_ID: Field = Field { name: "application_id", label: "申请编号", kind: Kind::Text, hint: "" };
const REFERENCE: Field = Field { name: "reference", label: "凭证号", kind: Kind::Text, hint: "" };
const VALUE_DATE: Field = Field { name: "value_date", label: "起息日", kind: Kind::Day, hint: "" };
const AMOUNT: Field = Field { name: "amount_fen", label: "金额（元）", kind: Kind::Yuan, hint: "" };

const PERIOD: Field =
    Field { name: "period", label: "期次", kind: Kind::Text, hint: "例如 2020Q2；按年的为 2020。" };

/// The bank's pages.
pub const DESK: Desk = Desk {
    party: "bank",
    title: "暖·创贷 银行",
    tasks: &[
        ("investigate", INVESTIGATE),
        ("decide-credit", DECIDE_CREDIT),
        ("sign-loan-contract", SIGN_LOAN_CONTRACT),
        ("prepare-payment", PREPARE_PAYMENT),
        ("check-payment", CHECK_PAYMENT),
        ("prepare-correction", PREPARE_CORRECTION),
        ("check-correction", CHECK_CORRECTION),
        ("check-reversal", CHECK_REVERSAL),
        ("propose-relief", PROPOSE_RELIEF),
        ("identify-money", IDENTIFY_MONEY),
        ("check-identification", CHECK_IDENTIFICATION),
    ],
    books: &[
        ("贷款", "loans"),
        ("贴息清单", "subsidy-lists"),
        ("不明款项", "unidentified-receipts"),
        ("账户余额", "balances"),
        ("分录", "transfers"),
    ],
    keeps_loans: true,
    matters: &[Matter { prefix: "UM-", path: "unidentified-receipts", state: "money_state" }],
    clerks: &[],
    unmasked: &["credit_investigator", "credit_approver", "operations"],
    reads_papers: &["credit_investigator", "credit_approver", "operations"],
    actions: &[
        Action {
            title: "登记收款",
            path: "repayments",
            roles: &["operations"],
            hint: "按起息日的应还款项依次冲抵：逾期利息、逾期本金、罚息、复利、当期利息、当期本金。提前结清只能以当日为起息日，金额须等于当日结清应还。",
            fields: &[
                APPLICATION_ID,
                REFERENCE,
                VALUE_DATE,
                AMOUNT,
                Field {
                    name: "kind",
                    label: "种类",
                    kind: Kind::One(&[("SCHEDULED", "按期或逾期还款"), ("EARLY", "提前结清")]),
                    hint: "",
                },
            ],
        },
        Action {
            title: "登记部分提前还款",
            path: "repayments",
            roles: &["operations"],
            hint: "只能以当日为起息日；金额须等于当日应还、提前归还的本金及其自上一到期日起的利息。其后各期按剩余本金重算，到期日不变。",
            fields: &[
                APPLICATION_ID,
                REFERENCE,
                VALUE_DATE,
                AMOUNT,
                Field { name: "kind", label: "种类", kind: Kind::One(&[("PART", "部分提前还款")]), hint: "" },
                Field { name: "principal_fen", label: "提前归还的本金（元）", kind: Kind::Yuan, hint: "" },
            ],
        },
        Action {
            title: "登记不明款项",
            path: "unidentified-receipts",
            roles: &["operations"],
            hint: "已到账而不知归还哪笔贷款的款项，挂账；五个工作日内认领或退回，由另一人复核。认领后按到账日计息。",
            fields: &[
                Field {
                    name: "reference", label: "凭证号", kind: Kind::Text, hint: "字母、数字或连字符。"
                },
                Field { name: "value_date", label: "到账日", kind: Kind::Day, hint: "" },
                AMOUNT,
                Field { name: "note", label: "已知情况", kind: Kind::Text, hint: "请勿填写个人信息。" },
            ],
        },
        Action {
            title: "冲正收款",
            path: "repayment-reversals",
            roles: &["operations"],
            hint: "记错的收款按序号冲正，款项自原到期日起重新应还；贷款结清后不能再冲正。",
            fields: &[
                APPLICATION_ID,
                Field { name: "receipt", label: "第几笔收款", kind: Kind::Number, hint: "" },
                BECAUSE,
            ],
        },
        Action {
            title: "冲正当日放款",
            path: "reversals",
            roles: &["payment_maker"],
            hint: "不应作出的放款可在起息日当日冲正，由复核岗当日放行；逾日只能按提前还款办理。",
            fields: &[APPLICATION_ID, BECAUSE],
        },
        Action {
            title: "编制贴息清单",
            path: "subsidy-lists",
            roles: &["payment_maker"],
            hint: "自该期截止日起编制，列入该期结清的贷款及其已付利息；由另一人复核。",
            fields: &[PERIOD],
        },
        Action {
            title: "复核贴息清单",
            path: "subsidy-list-checks",
            roles: &["payment_checker"],
            hint: "放行后逐行通知工会，不再变更；编制人不得复核。",
            fields: &[
                PERIOD,
                Field {
                    name: "verdict",
                    label: "复核意见",
                    kind: Kind::One(&[("RELEASE", "放行"), ("RETURN", "退回经办")]),
                    hint: "",
                },
                Field { name: "because", label: "退回理由", kind: Kind::TextOrNothing, hint: "放行则留空。" },
            ],
        },
        Action {
            title: "登记贴息退汇",
            path: "subsidy-returns",
            roles: &["operations"],
            hint: "借款企业账户未能入账的贴息退回贴息账户，工会据此请企业更正账户。",
            fields: &[APPLICATION_ID, PERIOD, BECAUSE],
        },
        Action {
            title: "工会款项到账",
            path: "deposit-receipts",
            roles: &["operations"],
            hint: "工会追加的担保金或贴息资金到账后入账；同一凭证号只入账一次。",
            fields: &[
                REFERENCE,
                AMOUNT,
                Field {
                    name: "purpose",
                    label: "用途",
                    kind: Kind::One(&[("GUARANTEE", "担保金"), ("SUBSIDY", "贴息资金")]),
                    hint: "",
                },
            ],
        },
    ],
    case_actions: &[],
    application: None,
};
