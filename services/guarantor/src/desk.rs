//! The guarantor's pages: which form each task has, and which books are shown.

use desk::{
    Desk,
    form::{BECAUSE, Choice, Field, Kind, TaskForm},
};

const DECLINES: &[(&str, &str)] = &[
    ("CASH_FLOW", "现金流不足以偿还"),
    ("DEBT_TOO_HIGH", "负债过高"),
    ("COUNTER_GUARANTEE_LACKING", "反担保不足"),
    ("FINANCIALS_UNRELIABLE", "财务资料不可信"),
    ("LIMIT", "超出担保限额"),
];
const DEMANDS: &[(&str, &str)] =
    &[("PERSON", "自然人保证"), ("PLEDGE", "质押或抵押"), ("NONE", "免除（由您批准；您不得再经办签约）")];

const DUE_DILIGENCE: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice {
            code: "agree",
            label: "同意担保",
            fields: &[
                Field {
                    name: "amount_fen",
                    label: "担保本金（元）",
                    kind: Kind::Yuan,
                    hint: "可低于申请金额，不可高于。",
                },
                Field {
                    name: "conditions",
                    label: "条件",
                    kind: Kind::Lines,
                    hint: "申请人须满足的条件，每行一条；没有则留空。",
                },
                Field { name: "counter_guarantee", label: "反担保要求", kind: Kind::One(DEMANDS), hint: "" },
            ],
        },
        Choice {
            code: "decline",
            label: "不予担保",
            fields: &[Field { name: "reason", label: "理由", kind: Kind::One(DECLINES), hint: "" }],
        },
    ],
};

const SIGN_CONTRACTS: TaskForm = TaskForm {
    inside: "counter_guarantee",
    tag: "type",
    choices: &[
        Choice {
            code: "PERSON",
            label: "已签：自然人保证",
            fields: &[
                Field { name: "name", label: "保证人姓名", kind: Kind::Text, hint: "" },
                Field {
                    name: "id", label: "保证人公民身份号码", kind: Kind::Text, hint: "加密保存，页面不再显示。"
                },
                Field { name: "relation", label: "与申请人的关系", kind: Kind::Text, hint: "" },
            ],
        },
        Choice {
            code: "PLEDGE",
            label: "已签：质押或抵押",
            fields: &[Field {
                name: "pledge", label: "质押物或抵押物", kind: Kind::Text, hint: "请勿填写个人信息。"
            }],
        },
        Choice { code: "NONE", label: "已签：反担保已免除", fields: &[] },
    ],
};

const PREPARE_LETTER: TaskForm =
    TaskForm {
        inside: "", tag: "", choices: &[Choice { code: "", label: "保函已拟制，交复核", fields: &[] }]
    };

const CHECK_LETTER: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "release", label: "出具保函", fields: &[] },
        Choice { code: "return", label: "退回重拟", fields: &[BECAUSE] },
    ],
};

const CONSENT_RELIEF: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "consent", label: "书面同意，保证期间随方案顺延", fields: &[] },
        Choice {
            code: "withhold",
            label: "不同意",
            fields: &[Field {
                name: "reason",
                label: "理由",
                kind: Kind::One(&[
                    ("CONSENT_WITHHELD", "担保公司不同意变更"),
                    ("NO_ABILITY", "调整后仍无还款能力"),
                    ("NOT_AFFECTED", "未受影响"),
                ]),
                hint: "",
            }],
        },
    ],
};

/// The guarantor's pages.
pub const DESK: Desk = Desk {
    party: "guarantor",
    title: "暖·创贷 担保公司",
    tasks: &[
        ("due-diligence", DUE_DILIGENCE),
        ("sign-contracts", SIGN_CONTRACTS),
        ("prepare-letter", PREPARE_LETTER),
        ("check-letter", CHECK_LETTER),
        ("consent-relief", CONSENT_RELIEF),
    ],
    books: &[("担保限额", "limits"), ("账户余额", "balances"), ("分录", "transfers")],
    keeps_loans: false,
    matters: &[],
    clerks: &[],
    unmasked: &["contract_officer"],
    reads_papers: &["risk_manager", "contract_officer"],
    actions: &[],
    case_actions: &[],
    application: None,
};
