//! The union's member register as it is loaded: JSON rows or the register's CSV, each row down to a pseudonym.

use crate::identifiers::{day, fault_zh};
use domain::{Date, ResidentId};
use party::vault::Vault;
use serde_json::{Map, Value, json};
use union_core::command::MemberEntry;
use utoipa::ToSchema;
use web::{FieldError, Fields, Problem};

/// Rows that one request may bring.
const MOST: usize = 10_000;

/// The body of `POST /api/v1/members`. It is read field by field; this is what the document says of it.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
pub struct Members {
    /// 会员
    members: Vec<Member>,
}

/// A row of the register.
#[derive(ToSchema)]
#[allow(dead_code, reason = "read field by field; only its schema is used")]
pub struct Member {
    /// 会员号
    member_no: String,
    /// 姓名
    name: String,
    /// 公民身份号码
    legal_rep_id: String,
    /// 基层工会编号
    union_org_id: String,
    /// 基层工会名称
    union_name: String,
    /// 首日
    valid_from: String,
    /// 末日，空为长期
    valid_to: Option<String>,
}

/// Who a member is, without saying who: number, name, identity and union together, readable by nobody without the key.
pub fn pseudonym(
    vault: &Vault,
    member_no: &str,
    name: &str,
    id: &ResidentId,
    union_org_id: &str,
    union_name: &str,
) -> String {
    vault.pseudonym("member", &[member_no, name, id.as_str(), union_org_id, union_name])
}

/// Reads `{"members": […]}`.
///
/// # Errors
/// 400: no JSON. 422: everything that is wrong with it, at once.
pub fn from_json(body: &[u8], vault: &Vault) -> Result<Vec<MemberEntry>, Problem> {
    let mut fields = Fields::parse(body)?;
    let members = fields.objects("members", 1..=MOST, |row| member(row, vault));
    fields.finish(members)
}

/// Reads the register's CSV, whose header names the columns as the JSON fields are named.
///
/// # Errors
/// As [`from_json`]; the pointer counts rows from 0, the header not among them.
pub fn from_csv(body: &[u8], vault: &Vault) -> Result<Vec<MemberEntry>, Problem> {
    let malformed = |error: csv::Error| {
        let line = error.position().map(|position| format!("第 {} 行：", position.line())).unwrap_or_default();
        Problem::bad_request("MALFORMED_CSV", format!("{line}不是有效的 CSV（UTF-8，首行为列名，每行列数相同）。"))
    };
    let mut reader = csv::Reader::from_reader(body);
    let names = reader.headers().map_err(malformed)?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(malformed)?;
        if rows.len() == MOST {
            let detail = format!("一次至多 {MOST} 行，请分次提交。");
            return Err(Problem::invalid(vec![FieldError {
                pointer: "/members".into(),
                code: "COUNT".into(),
                detail,
            }]));
        }
        let row: Map<String, Value> = names
            .iter()
            .zip(&record)
            .filter(|(_, text)| !text.is_empty())
            .map(|(name, text)| (name.to_owned(), text.into()))
            .collect();
        rows.push(Value::Object(row));
    }
    let body = serde_json::to_vec(&json!({ "members": rows })).map_err(|error| Problem::internal(&error))?;
    from_json(&body, vault)
}

fn member(row: &mut Fields, vault: &Vault) -> Option<MemberEntry> {
    let member_no = row.text("member_no", 4..=40);
    let name = row.text("name", 2..=30);
    let id = row.read("legal_rep_id", "IDENTIFIER", |text| ResidentId::parse(text).map_err(|error| fault_zh(&error)));
    let union_org_id = row.text("union_org_id", 1..=40);
    let union_name = row.text("union_name", 2..=100);
    let from: Option<Date> = row.read("valid_from", "DATE", day);
    let to: Option<Option<Date>> = row.read_optional("valid_to", "DATE", day);
    if let (Some(from), Some(Some(to))) = (from, to)
        && to < from
    {
        row.wrong("valid_to", "ORDER", "末日早于首日。");
    }
    let union_org = union_org_id?;
    Some(MemberEntry {
        member: pseudonym(vault, &member_no?, &name?, &id?, &union_org, &union_name?),
        union_org: Some(union_org),
        from: from?,
        to: to?,
    })
}
