//! Answers questions about statistics, for `bench/stats-peer/compare.py`: a line of JSON with `what`
//! and `input` on the standard input, a line with `value` or `error` on the standard output. Numbers
//! of the input are texts, so that all their digits arrive, and NaN too.

use std::io::{self, BufRead, Write};

use kartei_stats::cluster::{choose_k, k_means, silhouette};
use kartei_stats::linear::{Cholesky, Mahalanobis, eigen, principal_components};
use kartei_stats::linkage::{Pattern, estimate};
use kartei_stats::matrix::{correlation, covariance};
use kartei_stats::{ExactSum, Rows, StatError, Symmetric};
use kartei_stats::{
    adjust, anova, beta, distance, effect, moments, reliability, robust, text, two,
};
use serde_json::{Value, json};

type Answer = Result<Value, Box<dyn std::error::Error>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let question: Value = serde_json::from_str(&line?)?;
        let what = question["what"].as_str().unwrap_or_default();
        let answer = match answer(what, &Input(&question["input"])) {
            Ok(value) => json!({ "value": value }),
            // What is no refusal is a mistake of the question.
            Err(error) if error.is::<StatError>() => json!({ "error": error.to_string() }),
            Err(error) => return Err(format!("{what}: {error}").into()),
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

struct Input<'a>(&'a Value);

impl Input<'_> {
    fn list(&self, name: &str) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
        numbers(&self.0[name])
    }

    fn lists(&self, name: &str) -> Result<Vec<Vec<f64>>, Box<dyn std::error::Error>> {
        let lists = self.0[name].as_array().ok_or("a list of lists is lacking")?;
        lists.iter().map(numbers).collect()
    }

    fn number(&self, name: &str) -> Result<f64, Box<dyn std::error::Error>> {
        Ok(self.0[name].as_str().ok_or("a number is lacking")?.parse()?)
    }

    fn text(&self, name: &str) -> Result<&str, Box<dyn std::error::Error>> {
        self.0[name].as_str().ok_or_else(|| "a text is lacking".into())
    }

    fn whole(&self, name: &str) -> Result<usize, Box<dyn std::error::Error>> {
        Ok(self.text(name)?.parse()?)
    }

    fn counts(&self, name: &str) -> Result<Vec<u64>, Box<dyn std::error::Error>> {
        let list = self.0[name].as_array().ok_or("a list is lacking")?;
        list.iter().map(|count| Ok(count.as_str().unwrap_or_default().parse()?)).collect()
    }

    fn weighted(
        &self,
        values: &str,
        counts: &str,
    ) -> Result<Vec<(f64, u64)>, Box<dyn std::error::Error>> {
        Ok(self.list(values)?.into_iter().zip(self.counts(counts)?).collect())
    }
}

fn numbers(list: &Value) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
    let list = list.as_array().ok_or("a list is lacking")?;
    list.iter().map(|number| Ok(number.as_str().unwrap_or_default().parse()?)).collect()
}

fn slices(lists: &[Vec<f64>]) -> Vec<&[f64]> {
    lists.iter().map(Vec::as_slice).collect()
}

fn effect_of(effect: &effect::Effect) -> Value {
    json!([effect.value, effect.low, effect.high])
}

fn answer(what: &str, input: &Input<'_>) -> Answer {
    Ok(match what {
        "exact_sum" => {
            let mut sum = ExactSum::new();
            input.list("x")?.into_iter().for_each(|value| sum.add(value));
            json!([sum.total()])
        }
        "exact_products" => {
            let mut sum = ExactSum::new();
            let (x, y) = (input.list("x")?, input.list("y")?);
            x.iter().zip(&y).for_each(|(a, b)| sum.add_product(*a, *b));
            json!([sum.total()])
        }
        "normal" => {
            let z: Vec<f64> = input.list("z")?.into_iter().map(kartei_stats::cdf).collect();
            json!(z)
        }
        "normal_quantile" => {
            let found = input.list("p")?.into_iter().map(kartei_stats::quantile);
            json!(found.collect::<Option<Vec<f64>>>().ok_or(StatError::Range("p"))?)
        }
        "mean" => json!([moments::mean(&input.list("x")?)?]),
        "variance" => json!([moments::variance(&input.list("x")?)?]),
        "median" => json!([robust::median(&input.list("x")?)?]),
        "mad" => json!([robust::mad(&input.list("x")?)?]),
        "robust_z" => json!(robust::robust_z(&input.list("x")?)?),
        "quantile" => json!([robust::quantile_of(&input.list("x")?, input.number("q")?)?]),
        "beta_share" => {
            let (x, rest) = (input.number("x")?, input.number("rest")?);
            json!([beta::beta_share(input.number("a")?, input.number("b")?, x, rest)?])
        }
        "t_two_sided" => json!([beta::t_two_sided(input.number("t")?, input.number("df")?)?]),
        "upper_f" => {
            json!([beta::upper_f(
                input.number("f")?,
                input.number("between")?,
                input.number("within")?
            )?])
        }
        "anova" => {
            let found = anova::one_way(&slices(&input.lists("groups")?))?;
            json!([found.between, found.within, found.f, found.p])
        }
        "alpha" => json!([reliability::cronbach_alpha(&slices(&input.lists("items")?))?]),
        "welch" => {
            let found = two::welch(&input.list("x")?, &input.list("y")?)?;
            json!([found.t, found.df, found.p])
        }
        "mann_whitney" => {
            let found = two::mann_whitney(&input.list("x")?, &input.list("y")?)?;
            json!([found.u, found.p])
        }
        "mann_whitney_exact" => {
            json!([two::mann_whitney_exact(&input.list("x")?, &input.list("y")?)?])
        }
        "kolmogorov_smirnov" => {
            let found = two::kolmogorov_smirnov(&input.list("x")?, &input.list("y")?)?;
            json!([found.d, found.p])
        }
        "hedges_g" => effect_of(&effect::hedges_g(&input.list("x")?, &input.list("y")?)?),
        "cliffs_delta" => effect_of(&effect::cliffs_delta(&input.list("x")?, &input.list("y")?)?),
        "benjamini_hochberg" => json!(adjust::benjamini_hochberg(&input.list("p")?)?),
        "population_stability" => {
            json!([distance::population_stability(
                &input.counts("expected")?,
                &input.counts("found")?
            )?])
        }
        "jensen_shannon" => {
            json!([distance::jensen_shannon(&input.list("p")?, &input.list("q")?)?])
        }
        "weighted_distances" => {
            let (x, y) = (input.weighted("x", "x_counts")?, input.weighted("y", "y_counts")?);
            json!([distance::kolmogorov_distance(&x, &y)?, distance::wasserstein_distance(&x, &y)?])
        }
        "jaro" => {
            let (a, b) = (input.text("a")?, input.text("b")?);
            json!([text::jaro(a, b), text::jaro_winkler(a, b)])
        }
        "linkage" => linkage(input)?,
        _ => of_rows(what, input)?,
    })
}

fn of_rows(what: &str, input: &Input<'_>) -> Answer {
    let values = input.list("rows")?;
    let rows = Rows::new(&values, input.whole("columns")?)?;
    Ok(match what {
        "covariance" => json!(covariance(rows)?.cells()),
        "correlation" => json!(correlation(&covariance(rows)?)?.cells()),
        "pca" => {
            let found = principal_components(&covariance(rows)?)?;
            json!({ "ratios": found.ratios, "weights": found.weights })
        }
        "eigen" => json!(eigen(&Symmetric::new(rows.columns(), values.clone())?).values),
        "solve" => {
            let matrix = Symmetric::new(rows.columns(), values.clone())?;
            json!(Cholesky::new(&matrix)?.solve(&input.list("b")?)?)
        }
        "mahalanobis" => {
            let spread = Mahalanobis::new(rows, input.number("ridge")?)?;
            let squares: Result<Vec<f64>, StatError> =
                rows.iter().map(|row| spread.square(row)).collect();
            json!(squares?)
        }
        "k_means" => {
            let found = k_means(rows, input.whole("k")?, 200, 1)?;
            json!({ "inertia": found.inertia, "assigned": found.assigned })
        }
        "silhouette" => {
            let assigned: Result<Vec<usize>, _> =
                input.counts("assigned")?.into_iter().map(usize::try_from).collect();
            json!([silhouette(rows, &assigned?)?])
        }
        "choose_k" => json!([choose_k(rows, input.whole("k_max")?, 50, 1)?.clusters.sizes.len()]),
        _ => return Err("no such statistic".into()),
    })
}

fn linkage(input: &Input<'_>) -> Answer {
    let levels: Vec<usize> = serde_json::from_value(input.0["levels"].clone())?;
    let patterns: Vec<Pattern> = serde_json::from_value(input.0["patterns"].clone())?;
    let found = estimate(&levels, &patterns)?;
    let mut list = vec![found.linkage.prevalence, found.log_likelihood];
    for field in &found.linkage.fields {
        list.extend(field.m.iter().chain(&field.u));
    }
    Ok(json!(list))
}
