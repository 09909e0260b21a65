//! Percentiles of times.

/// The value that this share of the values does not exceed; the default for no values.
pub fn percentile<T: Ord + Copy + Default>(values: &mut [T], share: f64) -> T {
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    let index = (share * values.len() as f64).ceil() as usize;
    values.get(index.saturating_sub(1).min(last)).copied().unwrap_or_default()
}
