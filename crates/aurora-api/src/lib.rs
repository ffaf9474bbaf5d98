//! The vocabulary: ids, amounts, jobs, tasks, and the Thrift types with their encodings.
