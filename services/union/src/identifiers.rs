//! Identifiers and days as a form gives them, and what is wrong with them in Chinese. Nothing that is said of an
//! identifier holds the identifier.

use domain::{
    Date, IdentifierError,
    identifiers::{IdentifierFault, IdentifierKind},
};

/// What is wrong with an identifier, for whoever typed it.
pub fn fault_zh(error: &IdentifierError) -> String {
    let kind = match error.kind {
        IdentifierKind::Uscc => "统一社会信用代码",
        IdentifierKind::OrganisationCode => "组织机构代码",
        IdentifierKind::ResidentId => "公民身份号码",
        IdentifierKind::CardNumber => "账号",
        IdentifierKind::Mobile => "手机号码",
        IdentifierKind::ApplicationId => "申请编号",
    };
    let fault = match &error.fault {
        IdentifierFault::Length { expected, found } => {
            format!("应为 {} 位，现为 {found} 位", expected.replace("to", "至"))
        }
        IdentifierFault::Character { position, .. } => format!("第 {position} 位的字符不允许"),
        IdentifierFault::Date => "第 7 至 14 位不是有效日期".to_owned(),
        IdentifierFault::CheckCharacter { position, .. } => format!("第 {position} 位校验码不符"),
        IdentifierFault::InnerCheckCharacter { .. } => "第 17 位（组织机构代码）校验码不符".to_owned(),
        IdentifierFault::Form => "格式不符".to_owned(),
    };
    format!("{kind}{fault}。")
}

/// Reads a day, written `YYYY-MM-DD` and in no other way.
///
/// # Errors
/// It is no such day.
pub fn day(text: &str) -> Result<Date, &'static str> {
    text.parse::<Date>().ok().filter(|day| day.to_string() == text).ok_or("应为日期，形如 2020-02-24。")
}

/// Reads the last day of something that may have none, which is also written 长期.
///
/// # Errors
/// It is no such day.
pub fn last_day(text: &str) -> Result<Option<Date>, &'static str> {
    if text == "长期" { Ok(None) } else { day(text).map(Some) }
}
