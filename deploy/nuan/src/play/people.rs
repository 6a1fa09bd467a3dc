//! Who works at the three organisations when the programme is played on one machine. Maker and checker are two persons.

use crate::api::Api;
use domain::Party;

/// Organisation, person, roles.
pub(super) const PEOPLE: &[(Party, &str, &[&str])] = &[
    (Party::Union, "li", &["intake_officer", "charter_signatory"]),
    (Party::Union, "applicant", &["applicant"]),
    (Party::Union, "wang", &["fund_manager", "auditor", "charter_signatory"]),
    (Party::Union, "he", &["subsidy_checker"]),
    (Party::Union, "ma", &["approver"]),
    (Party::Union, "guo", &["hotline_agent"]),
    (Party::Guarantor, "zhao", &["risk_manager", "charter_signatory"]),
    (Party::Guarantor, "qian", &["contract_officer", "charter_signatory"]),
    (Party::Guarantor, "sun", &["letter_maker"]),
    (Party::Guarantor, "zhou", &["letter_checker", "auditor"]),
    (Party::Bank, "wu", &["credit_investigator", "charter_signatory"]),
    (Party::Bank, "zheng", &["credit_approver", "charter_signatory"]),
    (Party::Bank, "feng", &["operations"]),
    (Party::Bank, "chen", &["payment_maker"]),
    (Party::Bank, "chu", &["payment_checker", "auditor"]),
];

/// A person's account at an organisation.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// Where.
    pub party: Party,
    /// Who.
    pub person: &'static str,
    /// As what.
    pub roles: &'static [&'static str],
    /// Access.
    pub api: Api,
}
