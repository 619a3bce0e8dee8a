//! What users of SQS see, through the AWS SDK for Rust, against an embedded server whose clock only the test turns.
