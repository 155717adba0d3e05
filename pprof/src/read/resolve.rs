//! From ids of the file to positions in tables.

use super::columns::Columns;
use super::error::ReadError;
use super::numbers::Numbers;
use crate::profile::{
    Function, FunctionId, Ids, Label, LabelValue, Line, Lists, Location, LocationId, Mapping, MappingId,
    Profile, TextId, ValueType, sort_labels,
};

/// The profile of what was read.
pub(super) fn resolve(columns: Columns) -> Result<Profile, ReadError> {
    let Columns { texts, strings, mut samples, mut stacks, location_numbers, .. } = columns;
    if let Some(values) = columns.values
        && values != columns.sample_types.len()
    {
        let types = columns.sample_types.len();
        return Err(ReadError::Invalid(format!("samples have {values} values for {types} sample types")));
    }
    let text = |at: i64| -> Result<TextId, ReadError> {
        let found = usize::try_from(at).ok().and_then(|at| strings.get(at)).copied();
        // A file without any string has the empty one.
        let found = found.or((at == 0).then_some(TextId::EMPTY));
        found.ok_or_else(|| ReadError::Invalid(format!("string {at} is missing")))
    };
    let value_type = |of: super::entries::ValueType| -> Result<ValueType, ReadError> {
        Ok(ValueType { kind: text(of.kind)?, unit: text(of.unit)? })
    };

    let mapping_ids = ids("mapping", columns.mappings.iter().map(|of| of.id))?;
    let mappings = columns.mappings.iter().map(|of| {
        Ok(Mapping {
            start: of.start,
            limit: of.limit,
            offset: of.offset,
            file: text(of.file)?,
            build_id: text(of.build_id)?,
            has_functions: of.has[0],
            has_filenames: of.has[1],
            has_line_numbers: of.has[2],
            has_inline_frames: of.has[3],
        })
    });
    let mappings = mappings.collect::<Result<Vec<_>, ReadError>>()?;

    let function_ids = ids("function", columns.functions.iter().map(|of| of.id))?;
    let functions = columns.functions.iter().map(|of| {
        let (name, system_name) = (text(of.name)?, text(of.system_name)?);
        Ok(Function { name, system_name, file: text(of.file)?, start_line: of.start_line })
    });
    let functions = functions.collect::<Result<Vec<_>, ReadError>>()?;

    let location_ids = ids("location", columns.locations.iter().map(|of| of.id))?;
    let mut locations = Vec::with_capacity(columns.locations.len());
    let mut lines_start = 0;
    for of in &columns.locations {
        let read = columns.lines.get(lines_start..of.lines_end).unwrap_or_default();
        lines_start = of.lines_end;
        let mut lines = Vec::with_capacity(read.len());
        for line in read {
            let missing = || ReadError::Invalid(format!("function {} is missing", line.function));
            let function = FunctionId(function_ids.find(line.function).ok_or_else(missing)?);
            lines.push(Line { function, line: line.line, column: line.column });
        }
        // pprof takes a mapping that is missing for none.
        let mapping = mapping_ids.find(of.mapping).map(MappingId);
        locations.push(Location { mapping, address: of.address, lines, is_folded: of.is_folded });
    }

    // Stacks have the order in which samples refer to locations first.
    let mut positions = Vec::with_capacity(location_numbers.len());
    for number in 0..location_numbers.len() as u32 {
        let id = location_numbers.id(number);
        let missing = || ReadError::Invalid(format!("location {id} is missing"));
        positions.push(LocationId(location_ids.find(id).ok_or_else(missing)?));
    }
    if positions.iter().zip(0..).any(|(position, number)| position.0 != number) {
        stacks.replace(|number| positions.get(number.0 as usize).copied().unwrap_or(*number));
    }
    stacks.forget_index();

    let mut label_sets = Lists::new();
    let mut becomes = Vec::with_capacity(columns.label_sets.len());
    for set in columns.label_sets.iter() {
        let mut labels = Vec::with_capacity(set.len());
        for label in set {
            let value = if label.text == 0 {
                LabelValue::Number { value: label.number, unit: text(label.unit)? }
            } else {
                LabelValue::Text(text(label.text)?)
            };
            labels.push(Label { key: text(label.key)?, value });
        }
        sort_labels(&texts, &mut labels);
        becomes.push(label_sets.intern(&labels));
    }
    if becomes.iter().zip(0..).any(|(set, number)| *set != number) {
        for set in &mut samples.label_sets {
            *set = becomes.get(*set as usize).copied().unwrap_or(0);
        }
    }

    let scalar = |field: usize| columns.scalars[field];
    Ok(Profile {
        sample_types: columns.sample_types.iter().map(|of| value_type(*of)).collect::<Result<_, _>>()?,
        period_type: value_type(columns.period_type)?,
        drop_frames: text(scalar(7))?,
        keep_frames: text(scalar(8))?,
        time_ns: scalar(9),
        duration_ns: scalar(10),
        period: scalar(12),
        comments: columns.comments.iter().map(|at| text(*at)).collect::<Result<_, _>>()?,
        default_sample_type: text(scalar(14))?,
        doc_url: text(scalar(15))?,
        ids: Ids {
            mappings: Ids::of(mapping_ids.into_ids()),
            locations: Ids::of(location_ids.into_ids()),
            functions: Ids::of(function_ids.into_ids()),
        },
        texts,
        functions,
        mappings,
        locations,
        stacks,
        label_sets,
        samples,
    })
}

/// The positions of a table by its ids, which must be unique and not 0.
fn ids(what: &str, ids: impl Iterator<Item = u64>) -> Result<Numbers, ReadError> {
    let mut numbers = Numbers::default();
    for id in ids {
        let before = numbers.len();
        if id == 0 {
            return Err(ReadError::Invalid(format!("a {what} has the id 0")));
        }
        numbers.number(id);
        if numbers.len() == before {
            return Err(ReadError::Invalid(format!("two {what}s have the id {id}")));
        }
    }
    Ok(numbers)
}
