//! Scenarios that run on both clusters.

/// Makes a test of each scenario for either cluster: functions that take a [`Backend`](crate::Backend).
#[macro_export]
macro_rules! on_both_clusters {
    ($($scenario:ident),+ $(,)?) => {
        mod embedded {
            $(#[test]
            fn $scenario() {
                super::$scenario($crate::Backend::Embedded);
            })+
        }
        mod real_mesos {
            $(#[test]
            fn $scenario() {
                super::$scenario($crate::Backend::RealMesos);
            })+
        }
    };
}

/// The same for scenarios that are asynchronous.
#[macro_export]
macro_rules! on_both_clusters_async {
    ($($scenario:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test]
            async fn $scenario() {
                Box::pin(super::$scenario($crate::Backend::Embedded)).await;
            })+
        }
        mod real_mesos {
            $(#[tokio::test]
            async fn $scenario() {
                Box::pin(super::$scenario($crate::Backend::RealMesos)).await;
            })+
        }
    };
}
