//! The query API's part of the OpenAPI document, made from the types.
