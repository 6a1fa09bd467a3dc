//! The personal data of an application (DOMAIN.md section 5): how everybody sees them, and which of them a partner may have.
//!
//! A record is what the union's form left in the vault, as JSON under the data dictionary's names. What is not named here goes
//! nowhere and is shown to nobody.

use domain::{CardNumber, Mobile, Party, ResidentId};
use serde_json::{Map, Value, json};

/// What a guarantor needs: it meets the person, and signs with them.
const FOR_GUARANTOR: &[&str] =
    &["legal_rep_name", "legal_rep_id", "mobile", "address", "size_class", "jobs_kept", "jobs_created", "consents"];
/// What a bank needs: it knows its customer, and pays out. Not which group they belong to, nor their membership.
const FOR_BANK: &[&str] =
    &["legal_rep_name", "legal_rep_id", "mobile", "address", "settle_account", "size_class", "consents"];
/// What is shown as it stands.
const PLAIN: &[&str] = &["union_org_id", "union_name", "size_class", "jobs_kept", "jobs_created", "consents"];

/// As much of a record as this partner may have.
pub fn for_partner(to: Party, record: &Value) -> Value {
    Value::Object(match to {
        Party::Guarantor => only(record, FOR_GUARANTOR),
        Party::Bank => only(record, FOR_BANK),
        Party::Union => Map::new(),
    })
}

/// A record as everybody who works on the case may see it. Fields that it does not have are left out.
pub fn mask(record: &Value) -> Value {
    let mut shown = only(record, PLAIN);
    let mut masked = |name: &str, mask: fn(&str) -> String| {
        if let Some(text) = record[name].as_str() {
            shown.insert(name.to_owned(), json!(mask(text)));
        }
    };
    masked("legal_rep_name", domain::mask_name);
    masked("legal_rep_id", |text| ResidentId::parse(text).map(|id| id.masked()).unwrap_or_default());
    masked("mobile", |text| Mobile::parse(text).map(|mobile| mobile.masked()).unwrap_or_default());
    masked("settle_account", |text| CardNumber::parse(text).map(|number| number.masked()).unwrap_or_default());
    masked("member_no", domain::mask_member_no);
    Value::Object(shown)
}

fn only(record: &Value, names: &[&str]) -> Map<String, Value> {
    let kept = names.iter().filter_map(|name| Some(((*name).to_owned(), record.get(*name)?.clone())));
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Value {
        json!({
            "legal_rep_name": "样例甲", "legal_rep_id": "11010519491231002X", "mobile": "13800001234",
            "settle_account": "6222021234567890123", "address": "北京市海淀区样例路1号", "union_org_id": "U-1",
            "union_name": "样例工会", "member_no": "JK00000001", "beneficiary_group": "HARDSHIP", "size_class": "MICRO",
            "jobs_kept": 3, "jobs_created": 1, "consents": [], "paper_salt": "00",
        })
    }

    #[test]
    fn the_bank_learns_nothing_of_the_group_or_the_membership() {
        let for_bank = for_partner(Party::Bank, &record());
        for name in ["beneficiary_group", "member_no", "union_org_id", "union_name", "jobs_kept", "paper_salt"] {
            assert_eq!(for_bank.get(name), None, "{name}");
        }
        assert_eq!(for_bank["settle_account"], "6222021234567890123");
    }

    #[test]
    fn the_guarantor_learns_neither_group_nor_account() {
        let for_guarantor = for_partner(Party::Guarantor, &record());
        for name in ["beneficiary_group", "settle_account", "member_no", "paper_salt"] {
            assert_eq!(for_guarantor.get(name), None, "{name}");
        }
        assert_eq!(for_guarantor["legal_rep_id"], "11010519491231002X");
    }

    #[test]
    fn masked_data_name_nobody() {
        let masked = mask(&record()).to_string();
        for personal in
            ["样例甲", "11010519491231002X", "13800001234", "6222021234567890123", "JK00000001", "海淀", "HARDSHIP"]
        {
            assert!(!masked.contains(personal), "{personal} in {masked}");
        }
    }
}
