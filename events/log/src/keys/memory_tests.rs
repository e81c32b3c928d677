//! Keys in memory keep the laws of every key store.

use super::MemoryKeys;
use crate::keys::contract;

macro_rules! laws {
    ($($law:ident)*) => {$(
        #[tokio::test]
        async fn $law() {
            contract::$law(&MemoryKeys::new()).await;
        }
    )*};
}

laws! {
    a_taken_key_is_there
    keys_are_handed_out_once
    answers_come_in_the_order_of_the_ids
    a_destroyed_key_is_gone
    a_key_that_was_never_there_is_unknown
}
