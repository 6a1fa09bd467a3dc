//! The union's pages: the forms of its tasks, its books, and the form that applicants file with.

use desk::{
    Desk, TICKETS,
    form::{Action, Application, BECAUSE, CaseAction, Choice, Field, Kind, METHODS, TaskForm},
};
use serde_json::Value;
use union_core::hotline::tasks;

const REJECTIONS: &[(&str, &str)] = &[
    ("MEMBERSHIP", "会员身份未通过核验"),
    ("GROUP_NOT_PROVEN", "人群类别证明不足"),
    ("NOT_OPERATING", "企业未正常经营"),
    ("PURPOSE_UNSUPPORTED", "资金用途不符合要求"),
    ("DOCUMENTS_INCONSISTENT", "申请材料不一致"),
];
const GROUPS: &[(&str, &str)] = &[
    ("TRANSFERRED", "转岗分流人员"),
    ("LAID_OFF", "下岗失业人员"),
    ("MIGRANT", "农民工"),
    ("MODEL_WORKER", "劳动模范、先进工作者"),
    ("HARDSHIP", "困难职工"),
    ("HARDSHIP_CHILD", "困难职工子女"),
    ("GRADUATE", "高校毕业生"),
    ("VETERAN", "复转退役军人"),
];

const CHECK_ELIGIBILITY: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "approve", label: "符合条件", fields: &[] },
        Choice {
            code: "reject",
            label: "不予受理",
            fields: &[Field { name: "reason", label: "理由", kind: Kind::One(REJECTIONS), hint: "" }],
        },
        Choice { code: "ask_for_papers", label: "材料不全，通知补充", fields: &[] },
        Choice { code: "papers_supplied", label: "材料已补齐", fields: &[] },
        Choice { code: "flag_green", label: "转入绿色通道（即申即办）", fields: &[] },
    ],
};

const TRIAGE_RELIEF: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "accept", label: "受理，请银行提出方案", fields: &[] },
        Choice {
            code: "reject",
            label: "不予受理",
            fields: &[Field {
                name: "reason",
                label: "理由",
                kind: Kind::One(&[
                    ("NOT_AFFECTED", "未受影响"),
                    ("NOT_COVERED", "到期款项不在政策范围"),
                    ("RENEW_INSTEAD", "建议改按续贷办理"),
                ]),
                hint: "",
            }],
        },
    ],
};

const SUBSIDY_REJECTIONS: &[(&str, &str)] = &[
    ("MEMBERSHIP_LAPSED", "会员身份已失效"),
    ("UNION_DISSOLVED", "基层工会已撤销"),
    ("NO_VOUCHERS", "付息凭证不齐"),
    ("DUPLICATE", "重复申请"),
    ("OVERDUE", "贷款曾逾期"),
];

const REJECT_SUBSIDY: Choice = Choice {
    code: "reject",
    label: "驳回",
    fields: &[Field { name: "reason", label: "理由", kind: Kind::One(SUBSIDY_REJECTIONS), hint: "" }],
};

const CHECK_SUBSIDY: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[
        Choice { code: "pass", label: "核验通过", fields: &[] },
        Choice { code: "query", label: "询问申请人", fields: &[BECAUSE] },
        REJECT_SUBSIDY,
    ],
};

const APPROVE_SUBSIDY: TaskForm = TaskForm {
    inside: "",
    tag: "verdict",
    choices: &[Choice { code: "approve", label: "同意支付", fields: &[] }, REJECT_SUBSIDY],
};

const fn text(name: &'static str, label: &'static str, hint: &'static str) -> Field {
    Field { name, label, kind: Kind::Text, hint }
}

const fn yuan(name: &'static str, label: &'static str) -> Field {
    Field { name, label, kind: Kind::Yuan, hint: "" }
}

const fn number(name: &'static str, label: &'static str) -> Field {
    Field { name, label, kind: Kind::Number, hint: "" }
}

const FIRM: &[Field] = &[
    text("enterprise_name", "企业名称", "与营业执照一致。"),
    text("uscc", "统一社会信用代码", "营业执照上的 18 位代码。"),
    Field { name: "registered_on", label: "成立日期", kind: Kind::Day, hint: "" },
    Field {
        name: "licence_valid_to", label: "营业执照有效期至", kind: Kind::DayOrNothing, hint: "长期有效则留空。"
    },
    text("industry_code", "行业代码", "国民经济行业分类：门类字母加两位大类，例如 I65。"),
    text("district", "所在区", "例如：海淀。"),
    text("address", "经营地址", "从“北京市”写起。"),
    Field {
        name: "size_class",
        label: "企业划型",
        kind: Kind::One(&[("MICRO", "微型企业"), ("SMALL", "小型企业")]),
        hint: "",
    },
    number("employees", "从业人数"),
    yuan("turnover_fen", "上年营业收入（元）"),
    yuan("tax_fen", "上年纳税额（元）"),
    yuan("debt_fen", "现有负债（元）"),
    number("jobs_kept", "稳定岗位数"),
    number("jobs_created", "新增岗位数"),
];

const PERSON: &[Field] = &[
    text("legal_rep_name", "法定代表人姓名", ""),
    text("legal_rep_id", "法定代表人公民身份号码", ""),
    text("mobile", "手机号码", ""),
    text("member_no", "工会会员号（京卡号）", ""),
    text("union_org_id", "基层工会编号", ""),
    text("union_name", "基层工会名称", ""),
    Field {
        name: "beneficiary_group", label: "人群类别", kind: Kind::One(GROUPS), hint: "此项不告知银行。"
    },
];

const LOAN: &[Field] = &[
    Field {
        name: "amount_fen", label: "申请金额（元）", kind: Kind::Yuan, hint: "5 万至 50 万元，1 万元的整数倍。"
    },
    Field { name: "term_months", label: "期限（月）", kind: Kind::Number, hint: "至多 48 个月。" },
    Field { name: "method", label: "还款方式", kind: Kind::One(METHODS), hint: "" },
    text("purpose", "资金用途", "用于经营；不得用于购房、证券投资或转贷。"),
    Field {
        name: "channel",
        label: "办理通道",
        kind: Kind::One(&[("STANDARD", "普通"), ("GREEN", "绿色通道（即申即办）")]),
        hint: "绿色通道仅在纾困政策施行期间开放。",
    },
    Field {
        name: "green_reason",
        label: "绿色通道的理由",
        kind: Kind::OneOrNothing(&[("HIT_INDUSTRY", "受影响行业"), ("OFFICER_FLAG", "受理人员认定（仅窗口代交）")]),
        hint: "普通办理选“无”。",
    },
    Field {
        name: "renewal_of",
        label: "续贷：旧贷款的申请编号",
        kind: Kind::TextOrNothing,
        hint: "不是续贷则留空。旧贷款结清前 60 日至后 30 日内可申请续贷。",
    },
    Field {
        name: "renewal_mode",
        label: "续贷方式",
        kind: Kind::OneOrNothing(&[
            ("REPAY_FIRST", "先还后贷：旧贷结清次日起放款"),
            ("NEW_REPAYS_OLD", "无还本续贷：旧贷到期日以新还旧"),
        ]),
        hint: "不是续贷选“无”。",
    },
    Field {
        name: "renewal_reason",
        label: "纾困续贷的理由",
        kind: Kind::OneOrNothing(&[("HIT_INDUSTRY", "受影响行业"), ("PROMISING", "有发展前景")]),
        hint: "仅在纾困政策施行期间；其他选“无”。",
    },
    Field {
        name: "reapplication_of",
        label: "再次申请：此前的申请编号",
        kind: Kind::TextOrNothing,
        hint: "此前的申请未获放款即终止的，填其编号；否则留空。",
    },
    text("settle_account", "结算账户", "企业在银行的账号，16 至 19 位。"),
];

const PAPERS: &[(&str, &str)] = &[
    ("LICENCE", "营业执照"),
    ("ID_FRONT", "身份证正面"),
    ("ID_BACK", "身份证反面"),
    ("UNION_CERTIFICATE", "基层工会证明"),
    ("MEMBERSHIP_PROOF", "会员证明"),
    ("GROUP_PROOF", "人群类别证明"),
    ("LEASE", "经营场所租赁合同"),
    ("BANK_STATEMENT", "六个月银行流水"),
    ("TAX_RETURN", "纳税申报表"),
    ("FINANCIALS", "财务报表"),
    ("BUSINESS_PLAN", "经营计划"),
    ("COUNTER_GUARANTEE", "反担保材料"),
];

/// What an applicant fills in.
pub const APPLICATION: Application = Application {
    steps: &[("企业", FIRM), ("法定代表人与工会", PERSON), ("贷款与授权", LOAN)],
    consents: &[
        ("PERSONAL_DATA_UNION", "工会处理个人信息", true),
        ("PERSONAL_DATA_GUARANTOR", "担保公司处理个人信息", true),
        ("PERSONAL_DATA_BANK", "银行处理个人信息", true),
        ("CREDIT_QUERY", "查询征信", true),
        ("CREDIT_REPORTING", "报送征信", true),
        ("SHARING", "三方共享办理所需的信息", true),
        ("SMS", "接收短信通知", false),
        ("PUBLICITY", "公开宣传", false),
    ],
    consents_version: "2019-1",
    constant: &[("intake_channel", "APP")],
    papers: PAPERS,
    withdrawals: &[("OTHER_FUNDS", "已有其他资金来源"), ("NO_NEED", "不再需要资金"), ("TERMS", "不接受贷款条件")],
};

const LINK: Choice = Choice {
    code: "link",
    label: "关联申请",
    fields: &[text("about_application", "申请编号", "例如 NCD-2018-0052。")],
};

const START_RELIEF: Choice = Choice {
    code: "start_relief",
    label: "代来电人申请纾困（一企一策）",
    fields: &[
        text("about_application", "申请编号", "已放款且未结清的贷款。"),
        text("reason", "理由", "请勿填写个人信息。"),
    ],
};

const REPLY: Field = text("reply", "答复", "请勿填写个人信息。");

const fn on_ticket(choices: &'static [Choice]) -> TaskForm {
    TaskForm { inside: "", tag: "act", choices }
}

const DISPATCH_TICKET: TaskForm = on_ticket(&[
    Choice {
        code: "dispatch", label: "派单", fields: &[text("unit", "承办单位", "自派单起计算答复期限。")]
    },
    Choice { code: "answer_at_once", label: "当场答复，办结", fields: &[REPLY] },
    LINK,
    START_RELIEF,
]);

const SIGN_FOR_TICKET: TaskForm = on_ticket(&[
    Choice { code: "sign_for", label: "签收", fields: &[] },
    Choice { code: "return", label: "退单：非本单位职责", fields: &[BECAUSE] },
]);

const BEGIN_TICKET: TaskForm =
    on_ticket(&[Choice { code: "begin", label: "着手办理", fields: &[] }, LINK, START_RELIEF]);

const REPLY_TO_TICKET: TaskForm = on_ticket(&[
    Choice { code: "reply", label: "答复", fields: &[REPLY] },
    Choice { code: "ask_extension", label: "申请延期", fields: &[BECAUSE] },
    LINK,
    START_RELIEF,
]);

const EXTEND_TICKET: TaskForm = on_ticket(&[
    Choice { code: "grant", label: "同意延期", fields: &[BECAUSE] },
    Choice { code: "refuse", label: "不同意延期", fields: &[BECAUSE] },
]);

const VISIT_CALLER: TaskForm = on_ticket(&[Choice {
    code: "visit",
    label: "回访",
    fields: &[
        Field {
            name: "satisfaction",
            label: "满意度",
            kind: Kind::One(&[
                ("SATISFIED", "满意"),
                ("FAIRLY_SATISFIED", "基本满意"),
                ("DISSATISFIED", "不满意，重新办理"),
            ]),
            hint: "",
        },
        Field { name: "because", label: "来电人的意见", kind: Kind::TextOrNothing, hint: "没有则留空。" },
    ],
}]);

const CLOSE_TICKET: TaskForm = on_ticket(&[Choice { code: "close", label: "办结", fields: &[] }, START_RELIEF]);

const SUPERVISE_TICKET: TaskForm = on_ticket(&[Choice { code: "reply", label: "督办答复", fields: &[REPLY] }]);

const CONTROLLERS: &[&str] = union_core::rights::CONTROL;

const TOPICS: &[(&str, &str)] = &[
    ("ELIGIBILITY", "申请条件"),
    ("DOCUMENTS", "申请材料"),
    ("GUARANTEE_REVIEW", "担保审核进度"),
    ("RENEWAL", "续贷"),
    ("DEFERRAL", "延期还款"),
    ("SUBSIDY_PROGRESS", "贴息进度"),
];

const ACTIONS: &[Action] = &[
    Action {
        title: "追加担保金",
        path: "programme/top-ups",
        roles: CONTROLLERS,
        hint: "一人提议，另一人以相同金额再次提交即为确认。",
        fields: &[yuan("amount_fen", "追加金额（元）"), BECAUSE],
    },
    Action {
        title: "拨付贴息资金",
        path: "programme/appropriations",
        roles: CONTROLLERS,
        hint: "一人提议，另一人以相同金额再次提交即为确认。等待资金的贴息随即继续。",
        fields: &[yuan("amount_fen", "拨付金额（元）"), BECAUSE],
    },
    Action {
        title: "暂停新增",
        path: "programme/suspension",
        roles: CONTROLLERS,
        hint: "一人提议，另一人再次提交即为确认。暂停后不再预留担保金，也不再通知银行放款；在办的申请等待，期限照计。",
        fields: &[BECAUSE],
    },
    Action {
        title: "恢复办理",
        path: "programme/resumption",
        roles: CONTROLLERS,
        hint: "一人提议，另一人再次提交即为确认。等待的申请按先后继续。",
        fields: &[BECAUSE],
    },
    Action {
        title: "撤回提议",
        path: "programme/proposal/withdrawal",
        roles: CONTROLLERS,
        hint: "待确认的提议作废。",
        fields: &[BECAUSE],
    },
    Action {
        title: "受理来电",
        path: "tickets",
        roles: union_core::rights::HOTLINE,
        hint: "登记 12351 工单；请勿填写来电人的个人信息。登记后在待办中派单，或当场答复。",
        fields: &[
            Field {
                name: "category",
                label: "类别",
                kind: Kind::One(&[
                    ("CONSULT", "咨询"),
                    ("HELP", "求助"),
                    ("COMPLAINT", "投诉"),
                    ("SUGGESTION", "建议"),
                ]),
                hint: "自派单起的答复期限：咨询 24 小时，求助、投诉 7 日，建议 15 日。",
            },
            text("matter", "来电事项", ""),
            Field {
                name: "about_application",
                label: "所涉申请的编号",
                kind: Kind::TextOrNothing,
                hint: "不涉及某项申请则留空。",
            },
        ],
    },
    Action {
        title: "登记咨询",
        path: "consultations",
        roles: union_core::rights::HOTLINE,
        hint: "只计次数，不记何人；今日或之前 31 日之内的咨询。",
        fields: &[
            Field { name: "on", label: "日期", kind: Kind::Day, hint: "" },
            Field {
                name: "from",
                label: "咨询人",
                kind: Kind::One(&[("ENTERPRISE", "企业"), ("PRIMARY_UNION", "基层工会")]),
                hint: "",
            },
            Field {
                name: "channel",
                label: "方式",
                kind: Kind::One(&[("PHONE", "电话"), ("WECHAT", "微信")]),
                hint: "",
            },
            Field { name: "topic", label: "事项", kind: Kind::One(TOPICS), hint: "" },
        ],
    },
];

const WINDOWS: &[(&str, &str)] =
    &[("APP", "手机应用"), ("WECHAT", "微信"), ("WINDOW", "窗口"), ("DISTRICT", "代办处"), ("12351", "12351 热线")];

/// Whether the last request for relief is in this state.
fn relief_is(case: &Value, states: &[&str]) -> bool {
    let last = case["relief"].as_array().and_then(|all| all.last());
    last.and_then(|relief| relief["relief_state"].as_str()).is_some_and(|state| states.contains(&state))
}

const UNDER_WAY: &[&str] = &["REQUESTED", "TRIAGED", "PROPOSED", "CONSENTED", "SIGNED"];

/// Whether a claim for a subsidy is in this state.
fn claim_is(case: &Value, state: &str) -> bool {
    case["subsidies"].as_array().into_iter().flatten().any(|claim| claim["claim_state"] == state)
}

const VOUCHERS: Field = Field {
    name: "vouchers",
    label: "付息凭证",
    kind: Kind::Numbers,
    hint: "还款记录中各笔收款的序号，例如 1-10 或 1, 2, 5。",
};

const CASE_ACTIONS: &[CaseAction] = &[
    CaseAction {
        title: "申请贴息",
        path: "subsidy-claims",
        when: |case| {
            let claims = case["subsidies"].as_array().into_iter().flatten();
            let is_claimed = claims.filter(|claim| claim["claimed_at"].is_string()).count() > 0;
            case["standing"]["settled_on"].is_string() && !is_claimed
        },
        hint: "贷款结清后、截止日前申请：结清所在季度次月 20 日（遇非工作日提前）。合同利息全额贴息，罚息、复利除外。",
        fields: &[VOUCHERS],
    },
    CaseAction {
        title: "答复贴息核验的询问",
        path: "subsidy-answers",
        when: |case| claim_is(case, "QUERIED"),
        hint: "补交的凭证与此前的一并核验。",
        fields: &[VOUCHERS],
    },
    CaseAction {
        title: "更正贴息收款账户",
        path: "subsidy-account",
        when: |case| claim_is(case, "RETURNED"),
        hint: "贴息退汇后，请填写企业名下可用的账户；按原申请重新支付。",
        fields: &[text("settle_account", "收款账户", "企业在银行的账号，16 至 19 位。")],
    },
    CaseAction {
        title: "签署纾困方案",
        path: "relief-signature",
        when: |case| relief_is(case, &["CONSENTED"]),
        hint: "方案须在其拟调整的第一个到期日之前生效；五个工作日内未签署即失效。",
        fields: &[],
    },
    CaseAction {
        title: "申请纾困（一企一策）",
        path: "relief-requests",
        when: |case| {
            let living = case["standing"]["settled_on"].is_null() && case["standing"].is_object();
            living && !relief_is(case, UNDER_WAY)
        },
        hint: "受影响的企业可申请展期、分期支付利息或暂只付利息；延期不是减免。仅在纾困政策施行期间。",
        fields: &[
            Field { name: "via", label: "渠道", kind: Kind::One(WINDOWS), hint: "" },
            text("reason", "理由", "请勿填写个人信息。"),
        ],
    },
    CaseAction {
        title: "撤回纾困申请",
        path: "relief-withdrawal",
        when: |case| relief_is(case, UNDER_WAY),
        hint: "撤回后可再次申请；方案生效后不能撤回。",
        fields: &[],
    },
];

/// The union's pages.
pub const DESK: Desk = Desk {
    party: "union",
    title: "暖·创贷 工会",
    tasks: &[
        ("check-eligibility", CHECK_ELIGIBILITY),
        ("triage-relief", TRIAGE_RELIEF),
        ("check-subsidy", CHECK_SUBSIDY),
        ("approve-subsidy", APPROVE_SUBSIDY),
        (tasks::DISPATCH, DISPATCH_TICKET),
        (tasks::SIGN_FOR, SIGN_FOR_TICKET),
        (tasks::BEGIN, BEGIN_TICKET),
        (tasks::REPLY, REPLY_TO_TICKET),
        (tasks::EXTENSION, EXTEND_TICKET),
        (tasks::VISIT, VISIT_CALLER),
        (tasks::CLOSE, CLOSE_TICKET),
        (tasks::SUPERVISE, SUPERVISE_TICKET),
    ],
    books: &[
        ("担保金", "fund"),
        ("项目", "programme"),
        ("账户余额", "balances"),
        ("分录", "transfers"),
        ("统计", "statistics"),
    ],
    keeps_loans: false,
    matters: &[TICKETS],
    clerks: &["hotline_agent"],
    unmasked: &["intake_officer"],
    reads_papers: &["intake_officer"],
    actions: ACTIONS,
    case_actions: CASE_ACTIONS,
    application: Some(&APPLICATION),
};
