//! Words for the codes and fields of the interface, and how amounts, rates and times are written.
//!
//! A word that is missing shows the code itself: nothing is hidden by a gap in this table.

use crate::lang::{fill, t};
use domain::{Fen, Moment};
use serde_json::Value;

/// A person's identifier as people read it.
pub(crate) fn person(id: &str) -> String {
    let short = |id: &str| id.strip_prefix("person:").unwrap_or(id).to_owned();
    match id.split_once(" for ") {
        Some((deputy, absent)) => fill("{}（代 {}）", &[&short(deputy), &short(absent)]),
        None => short(id),
    }
}

/// The ending of a file's name, by its media type.
pub(crate) fn ending(media_type: &str) -> &'static str {
    match media_type {
        "application/pdf" => "pdf",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        _ => "bin",
    }
}

/// The word for a code or a field, in the reader's language. A code without one is shown as it is.
pub(crate) fn word(code: &str) -> &str {
    let chinese = chinese(code);
    if chinese == code { code } else { t(chinese) }
}

fn chinese(code: &str) -> &str {
    match code {
        // Organisations and roles.
        "union" => "工会",
        "guarantor" => "担保公司",
        "bank" => "银行",
        "applicant" => "申请人",
        "auditor" => "审计",
        "operator" => "运维",
        "supervisor" => "主管",
        "intake_officer" => "受理岗",
        "fund_manager" => "担保金管理岗",
        "approver" => "复核岗",
        "risk_manager" => "风险经理",
        "contract_officer" => "合同岗",
        "letter_maker" => "保函经办",
        "letter_checker" => "保函复核",
        "credit_investigator" => "贷前调查岗",
        "credit_approver" => "信贷审批岗",
        "operations" => "运营岗",
        "payment_maker" => "放款经办",
        "payment_checker" => "放款复核",
        "charter_signatory" => "章程签署人",
        "queue" => "担保金排队",
        "programme" => "项目恢复",
        "child" => "子流程",
        "top_up" => "追加担保金",
        "suspend" => "暂停新增",
        "resume" => "恢复办理",
        "OPEN" => "正常办理",
        "SUSPENDED" => "已暂停新增",
        "HIT_INDUSTRY" => "受影响行业",
        "PROMISING" => "有发展前景",
        "hotline_agent" => "热线坐席",
        "subsidy_checker" => "贴息核验岗",
        "appropriate" => "拨付贴息资金",
        "LIST_OPEN" => "待编制",
        "LIST_PREPARED" => "待复核",
        "LIST_RELEASED" => "已放行",
        "CLAIMABLE" => "可申请",
        "COMPILED" => "已列入清单",
        "CHECKING" => "核验中",
        "QUERIED" => "待申请人答复",
        "REJECTED" => "未获贴息",
        "APPROVED" => "待支付",
        "PAYING" => "支付中",
        "PAID" => "已支付",
        "RETURNED" => "已退汇",
        "REQUESTED" => "已申请纾困",
        "TRIAGED" => "已受理",
        "CONSENTED" => "待签署",
        "SIGNED" => "已签署",
        "IN_FORCE" => "方案执行中",
        "KEPT" => "已履行",
        "BROKEN" => "未能履行",
        "SUPERSEDED" => "已被新方案取代",
        "REFUSED" => "未获同意",
        "LAPSED" => "逾期未签署",
        "RELIEF" => "纾困中",
        "EXTEND" => "展期",
        "INTEREST_ONLY" => "只付利息",
        "DEFER_INTEREST" => "延期付息",
        "12351" => "12351 热线",
        "REPAY_FIRST" => "先还后贷",
        "NEW_REPAYS_OLD" => "无还本续贷",
        "ROLLED" => "已转入新贷",
        "OFFICER_FLAG" => "受理人员认定",
        // The hotline.
        "RECEIVED" => "待派单",
        "ANSWERED_AT_ONCE" => "当场答复",
        "DISPATCHED" => "待签收",
        "SIGNED_FOR" => "已签收",
        "HANDLING" => "办理中",
        "EXTENDED" => "延期办理中",
        "REPLIED" => "待回访",
        "VISITED" => "已回访",
        "REOPENED" => "重新办理",
        "SUPERVISED" => "督办中",
        "CLOSED" => "已办结",
        "CONSULT" => "咨询",
        "HELP" => "求助",
        "COMPLAINT" => "投诉",
        "SUGGESTION" => "建议",
        "SATISFIED" => "满意",
        "FAIRLY_SATISFIED" => "基本满意",
        "DISSATISFIED" => "不满意",
        "DOCUMENTS" => "申请材料",
        "RENEWAL" => "续贷",
        "DEFERRAL" => "延期还款",
        "SUBSIDY_PROGRESS" => "贴息进度",
        "answer_at_once" => "当场答复",
        "dispatch" => "派单",
        "return" => "退单",
        "sign_for" => "签收",
        "begin" => "着手办理",
        "ask_extension" => "申请延期",
        "grant" => "同意延期",
        "refuse" => "不同意延期",
        "visit" => "回访",
        "close" => "办结",
        "link" => "关联申请",
        "start_relief" => "代为申请纾困",
        // Money whose loan is not known.
        "UNIDENTIFIED" => "待认领",
        "IDENTIFICATION_PREPARED" => "认领待复核",
        "ASSIGNED" => "已归还贷款",
        "GIVEN_BACK" => "已退回付款人",
        // Steps.
        "check eligibility" => "受理审核",
        "reserve fund" => "预留担保金",
        "assess guarantee" => "担保尽调",
        "approve credit" => "信贷审批",
        "sign contracts" => "签订担保合同",
        "issue letter" => "出具保函",
        "sign loan contract" => "签订借款合同",
        "confirm membership" => "复核会员身份",
        "disburse" => "放款",
        "make letter effective" => "保函生效",
        "commit reservation" => "担保金转为在保",
        "notify and archive" => "通知并归档",
        "triage relief" => "纾困受理",
        "propose plan" => "提出纾困方案",
        "consent to plan" => "同意纾困方案",
        "extend reservation" => "担保金随方案延期",
        "sign plan" => "签署纾困方案",
        "switch schedule" => "变更还款计划",
        "record plan" => "保函变更",
        "notify of plan" => "通知方案生效",
        "check subsidy" => "贴息核验",
        "encumber subsidy" => "贴息额度占用",
        "approve subsidy" => "贴息复核",
        "await payment day" => "等待付息日",
        "pay subsidy" => "支付贴息",
        "book subsidy" => "贴息入账",
        // States.
        "SUBMITTED" => "已提交",
        "INTAKE_REVIEW" => "受理审核中",
        "NEED_DOCS" => "待补材料",
        "ELIGIBLE" => "符合条件",
        "QUEUED" => "担保金排队中",
        "RESERVED" => "已预留担保金",
        "GUARANTEE_REVIEW" => "担保审核中",
        "CREDIT_REVIEW" => "信贷审核中",
        "CONTRACTING" => "签约中",
        "READY" => "待放款",
        "DISBURSING" => "放款中",
        "UNKNOWN" => "结果不明",
        "DISBURSED" => "已放款",
        "REVERSED" => "已冲正",
        "WITHDRAWN" => "已撤回",
        "EXPIRED" => "已过期",
        "INTAKE_REJECTED" => "不予受理",
        "GUARANTEE_DECLINED" => "不予担保",
        "CREDIT_DECLINED" => "不予贷款",
        "COMPENSATING" => "撤销办理中",
        "NOT_TAKEN_UP" => "未受理",
        "DRAFT" => "拟制中",
        "ISSUED" => "已出具",
        "EFFECTIVE" => "已生效",
        "REVOKED" => "已撤销",
        "HELD" => "已预留",
        "COMMITTED" => "已转在保",
        "RELEASED" => "已解除",
        "COMPLETED" => "办结",
        "ACTIVE" => "正常",
        "OVERDUE" => "逾期",
        "SETTLED" => "已结清",
        "PREPAID" => "已提前结清",
        "PENDING" => "待放款",
        "TERMINATED" => "已终止",
        "repay" => "还款",
        "NORMAL" => "正常",
        "SPECIAL_MENTION" => "关注",
        "SUBSTANDARD" => "次级",
        "DOUBTFUL" => "可疑",
        "LOSS" => "损失",
        // What is owed.
        "OVERDUE_INTEREST" => "逾期利息",
        "OVERDUE_PRINCIPAL" => "逾期本金",
        "PENALTY" => "罚息",
        "COMPOUND" => "复利",
        "INTEREST" => "当期利息",
        "PRINCIPAL" => "当期本金",
        // Choices.
        "BULLET" => "按期付息、到期还本",
        "EQUAL_PAYMENT" => "等额本息",
        "EQUAL_PRINCIPAL" => "等额本金",
        "NONE" => "免除",
        "PERSON" => "自然人保证",
        "PLEDGE" => "质押或抵押",
        "MICRO" => "微型",
        "SMALL" => "小型",
        "STANDARD" => "普通",
        "GREEN" => "绿色通道",
        "WINDOW" => "窗口",
        "APP" => "手机应用",
        "WECHAT" => "微信",
        "DISTRICT" => "代办处",
        "PROPOSED" => "待各方答复",
        "ACCEPTED" => "三方已接受",
        "DECLINED" => "被拒绝",
        "accepted" => "接受",
        "FILING" => "提交时",
        "ELIGIBILITY" => "资格认定",
        "PAY_OUT" => "放款前",
        _ => field(code),
    }
}

/// The word for a field of an answer.
fn field(name: &str) -> &str {
    match name {
        "application_id" => "申请编号",
        "money_id" => "不明款项编号",
        "money_state" => "状态",
        "note" => "已知情况",
        "entered_at" => "登记时间",
        "entered_by" => "登记人",
        "assigned_to" => "归还贷款",
        "give_back_because" => "退回理由",
        "identified_by" => "认领人",
        "sent_back_because" => "复核退回理由",
        "booked_on" => "入账日",
        "ticket_id" => "工单编号",
        "category" => "类别",
        "matter" => "来电事项",
        "about_application" => "所涉申请",
        "received_at" => "来电时间",
        "received_by" => "受理人",
        "unit" => "承办单位",
        "dispatched_at" => "派单时间",
        "signed_for_at" => "签收时间",
        "due_at" => "答复期限",
        "was_late" => "曾超期答复",
        "replied_at" => "答复时间",
        "reply" => "答复",
        "visited_at" => "回访时间",
        "satisfaction" => "满意度",
        "closed_at" => "办结时间",
        "reopenings" => "重办次数",
        "relief_requests" => "纾困申请",
        "tickets" => "12351 工单",
        "tickets_closed" => "工单办结",
        "tickets_late" => "工单超期",
        "tickets_reopened" => "工单重办",
        "ticket_categories" => "工单类别",
        "consultations" => "咨询次数",
        "consultation_topics" | "topics" => "咨询事项",
        "month" => "月份",
        "consulted_on" => "咨询日期",
        "consultations_of_the_month" => "本月咨询次数",
        "relief" => "纾困",
        "subsidies" => "贴息",
        "period" => "期次",
        "claimed_at" => "申请日",
        "vouchers" => "付息凭证",
        "receipts" => "收款序号",
        "row_no" => "清单行号",
        "query" => "询问",
        "checked_on" => "核验日",
        "approved_on" => "复核日",
        "pay_on" => "付息日",
        "paid_on" => "支付日",
        "returned" => "退汇",
        "returned_on" => "退汇日",
        "loans" => "笔数",
        "prepared_on" => "编制日",
        "released_on" => "放行日",
        "released_by" => "放行人",
        "subsidies_fen" => "贴息账户余额",
        "group" => "组别",
        "total" => "合计",
        "applications" => "申请",
        "renewal_applications" => "续贷申请",
        "reapplications" => "再次申请",
        "enterprises_in_all" => "申请企业",
        "refused" => "不予办理",
        "withdrawn" => "撤回",
        "expired" => "逾时终止",
        "loans_paid_out" => "放款笔数",
        "renewal_loans_paid_out" => "续贷放款",
        "enterprises_paid_out" => "放款企业",
        "enterprises_renewed" => "续贷企业",
        "disbursed_fen" => "放款金额",
        "overdue_fen" => "逾期余额",
        "principal_collected_fen" => "收回本金",
        "interest_collected_fen" => "收回利息",
        "subsidy_claims_paid" => "贴息笔数",
        "subsidy_rejected" => "贴息不予受理",
        "enterprises_subsidised" => "贴息企业",
        "subsidy_fen" => "贴息金额",
        "relief_plans" => "纾困方案",
        "overdue_ppm" => "逾期率",
        "encumbered_fen" => "贴息占用",
        "subsidies_paid_fen" => "已付贴息",
        "measures" => "措施",
        "to" => "至",
        "parts_on" => "分期归还日",
        "principal_on" => "本金归还日",
        "requested_at" | "requested_on" => "申请日",
        "via" => "渠道",
        "triaged_on" => "受理日",
        "proposed_on" => "方案日",
        "proposed_by" => "方案提出人",
        "consented_on" => "同意日",
        "signed_on" => "签署日",
        "in_force_on" => "生效日",
        "guaranteed_until" => "保证期间至",
        "covers_until" => "担保金覆盖至",
        "plan" => "方案",
        "over" => "结果",
        "how" => "结果",
        "state" | "status" | "loan_state" | "relief_state" | "claim_state" | "list_state" => "状态",
        "filed_at" => "提交时间",
        "firm" => "企业",
        "enterprise_name" => "企业名称",
        "uscc" => "统一社会信用代码",
        "registered_on" => "成立日期",
        "industry_code" => "行业",
        "district" => "所在区",
        "employees" => "从业人数",
        "turnover_fen" => "上年营业收入",
        "tax_fen" => "上年纳税额",
        "debt_fen" => "现有负债",
        "wish" => "申请内容",
        "amount_fen" => "金额",
        "term_months" => "期限（月）",
        "method" => "还款方式",
        "purpose" => "用途",
        "rate_ppm" => "年利率",
        "recommendation" => "推荐",
        "evidence" => "推荐编号",
        "membership" => "会员身份核验",
        "occasion" => "核验时点",
        "since" => "有效期自",
        "until" => "有效期至",
        "membership_verified_on" => "会员身份核验日",
        "reservation" => "担保金预留",
        "reservation_id" | "id" => "编号",
        "exposure_fen" => "担保本金",
        "reserved_fen" => "预留金额",
        "opinion" => "担保意见",
        "conditions" => "条件",
        "counter_guarantee" => "反担保",
        "approval" => "信贷批复",
        "contract_no" => "借款合同号",
        "contract" => "借款合同",
        "contracts" => "担保合同",
        "letter" => "保函",
        "letter_no" => "保函编号",
        "issued_on" => "出具日",
        "valid_until" => "有效期至",
        "period_months" => "保证期间（到期后，月）",
        "receipt" => "放款回单",
        "loan" => "贷款",
        "posting_no" => "凭证号",
        "value_date" => "起息日",
        "maturity_on" => "到期日",
        "archived" => "归档",
        "number" => "编号",
        "on" => "日期",
        "by" => "办理人",
        "maker" => "经办人",
        "checker" => "复核人",
        "investigator" => "调查人",
        "notice" => "通知",
        "ending" => "结局",
        "outcome" => "结果",
        "reason" => "理由",
        "because" => "理由",
        "decision" => "决定",
        "report" => "调查报告",
        "paid_out" => "放款",
        "payment" => "付款",
        "drafting" => "拟制",
        "agreed" => "同意",
        "approved" => "批准",
        "declined" => "拒绝",
        "terms" => "条款",
        "type" => "类型",
        "pledge" => "质押或抵押物",
        "deposit_fen" => "担保金存款",
        "held_fen" => "在办预留",
        "committed_fen" => "在保占用",
        "guaranteed_fen" => "担保本金合计",
        "capacity_fen" => "担保能力",
        "net_assets_fen" => "净资产",
        "code" => "科目",
        "account" => "账户",
        "balance_fen" => "余额",
        "no" => "期次",
        "due_on" => "到期日",
        "days" => "计息天数",
        "principal_fen" => "本金",
        "interest_fen" => "利息",
        "instalment_fen" => "本期应还",
        "class" => "五级分类",
        "standing" => "贷款状态",
        "repayments" => "还款记录",
        "rolls" => "以新还旧",
        "outstanding_fen" => "剩余本金",
        "overdue_since" => "逾期自",
        "settled_on" => "结清日",
        "penalty_fen" => "罚息与复利",
        "reversed_on" => "冲正日",
        "reversed" => "冲正",
        "reference" => "凭证号",
        "owed_today_fen" => "今日应还合计",
        "interest_received_fen" => "已收利息",
        "next_due_on" => "下一到期日",
        "schedule_version" => "还款计划版本",
        "principal_paid_fen" => "已还本金",
        "interest_paid_fen" => "已还利息",
        "deferred" => "延期利息",
        "part" => "款项",
        "pending_fen" => "待定",
        "debit" => "借方",
        "credit" => "贷方",
        "legal_rep_name" => "法定代表人",
        "legal_rep_id" => "公民身份号码",
        "mobile" => "手机号码",
        "settle_account" => "结算账户",
        "address" => "经营地址",
        "member_no" => "会员号",
        "union_org_id" => "基层工会编号",
        "union_name" => "基层工会",
        "beneficiary_group" => "人群类别",
        "size_class" => "企业划型",
        "jobs_kept" => "稳定岗位数",
        "jobs_created" => "新增岗位数",
        "consents" => "授权",
        "text_version" => "授权文本版本",
        "given_at" => "授权时间",
        "name" => "姓名",
        "relation" => "关系",
        "person" => "何人",
        "channel" => "办理通道",
        "renewal_of" => "续贷自",
        "renewal_mode" => "续贷方式",
        "renewal_reason" => "纾困续贷的理由",
        "reapplication_of" => "再次申请自",
        "green" => "绿色通道",
        "flagged_by" => "认定人",
        "pay_out_by" => "应于此时前放款",
        "left_on" => "转为普通办理",
        "proposal" => "待确认的提议",
        "decided" => "历次决定",
        "on_hold" => "暂缓放款的申请",
        "control" => "事项",
        "confirmed_by" => "确认人",
        "confirmed_because" => "确认理由",
        "confirmed_at" => "确认时间",
        "incident_id" => "异常编号",
        "owner" => "负责",
        "step" => "步骤",
        "what" => "情况",
        "position" => "流水号",
        "source" => "来源",
        "why" => "原因",
        "at" => "时间",
        "file" => "受理资料",
        "incidents" => "异常",
        "taken_up_at" => "受理时间",
        other => other,
    }
}

/// Fields that are for programs.
const TECHNICAL: &[&str] = &[
    "version",
    "saga_id",
    "charter",
    "hash",
    "list_hash",
    "vault_token",
    "key",
    "ended",
    "waiting_for",
    "tasks",
    "disputed",
    "disputed_answers",
    "closed_letters",
    "application_id",
    "state",
    "ticket_state",
];

/// What is read first, in this order; the rest follows by its name.
const FIRST: &[&str] = &[
    "filed_at",
    "wish",
    "firm",
    "file",
    "enterprise_name",
    "uscc",
    "amount_fen",
    "term_months",
    "method",
    "rate_ppm",
    "purpose",
    "recommendation",
    "reservation",
    "opinion",
    "conditions",
    "report",
    "decision",
    "approval",
    "contracts",
    "letter",
    "letter_no",
    "contract",
    "contract_no",
    "payment",
    "paid_out",
    "receipt",
    "loan",
];

/// One line of what a page shows of an object: how deep it lies, its name, its value.
pub(crate) struct Fact {
    pub depth: usize,
    pub name: String,
    pub value: String,
}

/// What an object holds, for people: nothing technical and nothing that is absent.
pub(crate) fn facts(object: &Value) -> Vec<Fact> {
    let mut facts = Vec::new();
    gather(object, 0, &mut facts);
    facts
}

/// Objects lie at most so deep in any answer.
const DEEPEST: usize = 6;

fn gather(object: &Value, depth: usize, facts: &mut Vec<Fact>) {
    let mut fields: Vec<(&String, &Value)> = object.as_object().into_iter().flatten().collect();
    fields.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
    for (name, value) in fields {
        if TECHNICAL.contains(&name.as_str()) || depth > DEEPEST {
            continue;
        }
        let title = word(name).to_owned();
        match value {
            Value::Object(inner) if inner.is_empty() => {}
            Value::Object(_) => {
                facts.push(Fact { depth, name: title, value: String::new() });
                let before = facts.len();
                gather(value, depth + 1, facts);
                if facts.len() == before {
                    facts.pop();
                }
            }
            Value::Array(items) if items.iter().any(Value::is_object) => {
                for (at, item) in items.iter().enumerate() {
                    let name = format!("{title} {}", at + 1);
                    facts.push(Fact { depth, name, value: String::new() });
                    gather(item, depth + 1, facts);
                }
            }
            _ => {
                let value = written(name, value);
                if !value.is_empty() {
                    facts.push(Fact { depth, name: title, value });
                }
            }
        }
    }
}

/// A value as people write it, by the unit in its field's name.
pub(crate) fn written(name: &str, value: &Value) -> String {
    match value {
        Value::Null | Value::Object(_) => String::new(),
        Value::Bool(yes) => t(if *yes { "是" } else { "否" }).to_owned(),
        Value::Number(number) => match number.as_i64() {
            Some(fen) if name.ends_with("_fen") => fill("{} 元", &[&yuan(fen)]),
            Some(ppm) if name.ends_with("_ppm") => percent(ppm),
            Some(ms) if name.ends_with("_at") => minute(&Moment::from_millis(ms).to_string()),
            _ => number.to_string(),
        },
        Value::String(text) if name.ends_with("_at") || name == "at" => minute(text),
        // Names that the interface gives, and nobody types.
        Value::String(text) if ["reason", "title", "what"].contains(&name) => t(word(text)).to_owned(),
        Value::String(text) if text.starts_with("person:") => person(text),
        Value::String(text) => word(text).to_owned(),
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|item| written("", item)).filter(|item| !item.is_empty()).collect();
            items.join(t("、"))
        }
    }
}

/// `48000000` as `480,000.00`; a debt has a true minus sign.
pub(crate) fn yuan(fen: i64) -> String {
    Fen::new(fen).to_string().replace('-', "−")
}

/// `43500` ppm as `4.35%`.
pub(crate) fn percent(ppm: i64) -> String {
    let text = format!("{}.{:04}", ppm / 10_000, ppm.unsigned_abs() % 10_000);
    let text = text.trim_end_matches('0');
    format!("{}%", text.strip_suffix('.').unwrap_or(text))
}

/// `2018-08-13T09:00:00.000+08:00` as `2018-08-13 09:00`.
pub(crate) fn minute(moment: &str) -> String {
    moment.get(..16).map_or_else(|| moment.to_owned(), |minute| minute.replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_rates_and_times_are_written_as_people_write_them() {
        assert_eq!(yuan(48_000_000), "480,000.00");
        assert_eq!(yuan(99), "0.99");
        assert_eq!(yuan(-123_456_789), "−1,234,567.89");
        assert_eq!(yuan(i64::MIN), "−92,233,720,368,547,758.08");
        assert_eq!(percent(43_500), "4.35%");
        assert_eq!(percent(40_000), "4%");
        assert_eq!(minute("2018-08-13T09:00:00.000+08:00"), "2018-08-13 09:00");
        assert_eq!(minute("?"), "?");
    }

    #[test]
    fn an_object_shows_what_it_holds_and_nothing_technical_or_absent() {
        let object = json!({
            "version": 3, "letter": null, "wish": { "amount_fen": 100, "method": "BULLET" }, "approval": { "hash": "x" },
            "opinion": { "by": "person:zhao", "conditions": ["甲", "乙"] }, "UNHEARD_OF": "ALSO_NEW",
        });
        let lines: Vec<String> =
            facts(&object).iter().map(|fact| format!("{} {} {}", fact.depth, fact.name, fact.value)).collect();
        assert_eq!(
            lines,
            [
                "0 申请内容 ",
                "1 金额 1.00 元",
                "1 还款方式 按期付息、到期还本",
                "0 担保意见 ",
                "1 条件 甲、乙",
                "1 办理人 zhao",
                "0 UNHEARD_OF ALSO_NEW",
            ]
        );
    }
}
