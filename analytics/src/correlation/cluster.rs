//! Clusters: positions that move as one.

use super::Correlations;
use super::diversification::absolute_weights;

impl Correlations {
    /// Groups of series that are linked, pair by pair, by |r| ≥ `threshold`: the connected
    /// components of that graph, a series without a link by itself.
    ///
    /// Places ascend within a cluster; larger clusters come first, among equals the one with the
    /// first place. Two members may be correlated less than the threshold: a chain links them. A
    /// pair without a correlation has no link.
    #[must_use]
    pub fn clusters(&self, threshold: f64) -> Vec<Vec<usize>> {
        let is_linked = |row, column| self.at(row, column).is_some_and(|r| r.abs() >= threshold);
        let mut unseen: Vec<usize> = (0..self.size()).collect();
        let mut clusters = Vec::new();
        while !unseen.is_empty() {
            let mut cluster = vec![unseen.remove(0)];
            let mut looked_at = 0;
            while let Some(member) = cluster.get(looked_at).copied() {
                cluster.extend(unseen.extract_if(.., |other| is_linked(member, *other)));
                looked_at += 1;
            }
            cluster.sort_unstable();
            clusters.push(cluster);
        }
        // Stable: they were found in the order of their first places.
        clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.len()));
        clusters
    }
}

/// Share of a book, by size of exposure, that sits in clusters of two or more: between zero,
/// nothing moves together, and one.
///
/// `exposures` are signed money by place. `None` for a book without exposure or with one that is
/// not finite; a place without an exposure counts as zero.
#[must_use]
pub fn concentration_score(clusters: &[Vec<usize>], exposures: &[f64]) -> Option<f64> {
    let weights = absolute_weights(exposures)?;
    let weight = |place: &usize| weights.get(*place).copied().unwrap_or(0.0);
    let shared = clusters.iter().filter(|cluster| cluster.len() > 1);
    Some(shared.flatten().map(weight).sum::<f64>().min(1.0))
}
