//! A partner that is absent while a whole round is filed, and started at its end: everything waits for it, nothing is lost.

use super::field::Field;
use domain::Party;

pub async fn round(field: &mut Field) -> anyhow::Result<()> {
    let absent = field.any_party();
    if absent == Party::Union {
        // Nobody can file while the union is away: it goes in the middle, and its partners' answers find nobody.
        field.let_file();
        field.filed().await?;
        field.strike("union absent");
        field.service(absent)?.kill()?;
        for partner in [Party::Guarantor, Party::Bank] {
            field.said_all_it_can(partner).await?;
        }
    } else {
        field.service(absent)?.stop()?;
        field.let_file();
        field.filed().await?;
        field.said_all_it_can(Party::Union).await?;
        field.strike(format!("{absent} absent"));
    }
    field.service(absent)?.restart()?;
    field.settle().await
}
