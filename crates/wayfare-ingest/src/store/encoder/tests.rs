//! What the encoder writes, against what Parquet's own writer makes of the same rows.

use std::collections::HashMap;

use arrow::array::{
    Array as _, AsArray as _, DictionaryArray, Int64Array, StringArray, StringViewArray, UInt32Array,
};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Field, UInt32Type};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector,
};
use parquet::basic::{Encoding, PageType};
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData};
use proptest::prelude::*;

use super::*;
use crate::ErrorKind;

/// Columns with the same texts: with all that a footer can say, without ranges, and packed another way.
const COLUMNS: [&str; 3] = ["filtered", "unranked", "hot"];

const LAYOUT: FileLayout =
    FileLayout { filtered: &["filtered"], unranked: &["unranked"], hot: &["hot"], ..FileLayout::PLAIN };

type Texts = Vec<Option<String>>;

/// How a column comes.
#[derive(Debug, Clone, Copy)]
enum Form {
    Plain,
    Views,
    Keys,
}

const FORMS: [Form; 3] = [Form::Plain, Form::Views, Form::Keys];

fn schema(is_nullable: bool) -> SchemaRef {
    let mut fields: Vec<Field> =
        COLUMNS.iter().map(|name| Field::new(*name, DataType::Utf8, is_nullable)).collect();
    fields.push(Field::new("number", DataType::Int64, false));
    Arc::new(Schema::new(fields))
}

/// Keys into texts of which some stand there twice, one is not used and one is none.
fn keyed(texts: &[Option<String>]) -> ArrayRef {
    let mut values = vec![Some("unused"), None];
    let mut known = HashMap::new();
    let keys = texts.iter().enumerate().map(|(row, text)| {
        let Some(text) = text else { return row.is_multiple_of(2).then_some(1) };
        let mut further = || {
            values.push(Some(text));
            u32::try_from(values.len() - 1).unwrap()
        };
        if row % 1000 == 7 {
            known.insert(text, further());
        }
        Some(*known.entry(text).or_insert_with(further))
    });
    let keys: UInt32Array = keys.collect();
    Arc::new(DictionaryArray::<UInt32Type>::try_new(keys, Arc::new(StringArray::from(values))).unwrap())
}

fn column(texts: &[Option<String>], form: Form) -> ArrayRef {
    let plain: ArrayRef = Arc::new(texts.iter().map(Option::as_deref).collect::<StringArray>());
    match form {
        Form::Plain => plain,
        Form::Views => {
            // rows share views, as they do where these came from a dictionary; that of a null may be anything
            let shared = cast(&keyed(texts), &DataType::Utf8View).unwrap();
            let views = shared.as_string_view();
            let nulls = texts.iter().map(Option::is_some).collect::<Vec<_>>();
            let buffers = views.data_buffers().to_vec();
            Arc::new(StringViewArray::try_new(views.views().clone(), buffers, Some(nulls.into())).unwrap())
        }
        Form::Keys => keyed(texts),
    }
}

fn batch(texts: &[Option<String>], form: Form) -> RecordBatch {
    let text = column(texts, form);
    let number: ArrayRef = Arc::new((0..).take(texts.len()).collect::<Int64Array>());
    let mut columns = vec![text; COLUMNS.len()];
    columns.push(number);
    let field = |(name, column): (&&str, &ArrayRef)| Field::new(*name, column.data_type().clone(), true);
    let names = [&COLUMNS[..], &["number"]].concat();
    let schema = Schema::new(names.iter().zip(&columns).map(field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

/// The file of rows that come in pieces.
fn encoded(texts: &[Option<String>], form: Form, piece: usize, is_nullable: bool) -> Bytes {
    let mut encoder = Encoder::try_new(&schema(is_nullable), LAYOUT).unwrap();
    let rows = batch(texts, form);
    let mut start = 0;
    while start < texts.len() {
        let count = piece.min(texts.len() - start);
        encoder.write(&rows.slice(start, count)).unwrap();
        start += count;
    }
    encoder.finish().unwrap().bytes
}

/// The file that Parquet's own writer makes of them.
fn expected(texts: &[Option<String>], is_nullable: bool) -> Bytes {
    let schema = schema(is_nullable);
    let options = ArrowWriterOptions::new()
        .with_properties(properties(&schema, LAYOUT).unwrap())
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options).unwrap();
    let rows = batch(texts, Form::Plain);
    writer.write(&RecordBatch::try_new(schema, rows.columns().to_vec()).unwrap()).unwrap();
    writer.into_inner().unwrap().into()
}

fn reader(file: &Bytes) -> ParquetRecordBatchReaderBuilder<Bytes> {
    let options = ArrowReaderOptions::new()
        .with_page_index_policy(PageIndexPolicy::Required)
        .with_encoding_stats_as_mask(false);
    ParquetRecordBatchReaderBuilder::try_new_with_options(file.clone(), options).unwrap()
}

fn read(file: &Bytes, selection: Option<Vec<RowSelector>>) -> RecordBatch {
    let reader = reader(file);
    let schema = Arc::clone(reader.schema());
    let reader = match selection {
        Some(selection) => reader.with_row_selection(RowSelection::from(selection)),
        None => reader,
    };
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// What footer and page index say of the texts, but for where pages lie and how large they are.
fn described(metadata: &ParquetMetaData) -> Vec<String> {
    let (columns, offsets) = (metadata.column_index().unwrap(), metadata.offset_index().unwrap());
    let mut told = Vec::new();
    for (group, about) in metadata.row_groups().iter().enumerate() {
        for (column, chunk) in about.columns().iter().enumerate().take(COLUMNS.len()) {
            let pages = &offsets[group][column];
            let starts: Vec<i64> = pages.page_locations.iter().map(|page| page.first_row_index).collect();
            told.push(format!(
                "{:?} {} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {starts:?} {:?}",
                chunk.column_path(),
                chunk.num_values(),
                chunk.compression(),
                chunk.encodings().collect::<Vec<_>>(),
                chunk.page_encoding_stats(),
                chunk.statistics(),
                chunk.unencoded_byte_array_data_bytes(),
                chunk.definition_level_histogram(),
                columns[group][column],
                pages.unencoded_byte_array_data_bytes,
            ));
        }
    }
    told
}

/// Checks a file against Parquet's own of the same rows.
fn check(file: &Bytes, expected: &Bytes, texts: &[Option<String>]) {
    let (seen, wanted) = (reader(file), reader(expected));
    pretty_equal(&described(seen.metadata()), &described(wanted.metadata()));
    assert_eq!(read(file, None), read(expected, None));
    let every = [RowSelector::skip(37), RowSelector::select(5)].repeat(texts.len() / 42);
    assert_eq!(read(file, Some(every.clone())), read(expected, Some(every)));
    for group in 0..seen.metadata().num_row_groups() {
        let filter = seen.get_row_group_column_bloom_filter(group, 0).unwrap().unwrap();
        let wanted = wanted.get_row_group_column_bloom_filter(group, 0).unwrap().unwrap();
        let rows = texts.iter().skip(group * ROW_GROUP_ROWS_MAX).take(ROW_GROUP_ROWS_MAX);
        assert!(rows.flatten().all(|text| filter.check(text.as_str())));
        let missing = (0..2_000).filter(|n| filter.check(format!("not there {n}").as_str())).count();
        assert!(missing < 20, "{missing} of 2,000 pass");
        assert!(filter.num_blocks() <= wanted.num_blocks());
    }
}

fn pretty_equal(seen: &[String], wanted: &[String]) {
    assert_eq!(seen.len(), wanted.len());
    for (seen, wanted) in seen.iter().zip(wanted) {
        assert_eq!(seen, wanted);
    }
}

fn check_forms(texts: &[Option<String>], piece: usize) {
    let expected = expected(texts, true);
    for form in FORMS {
        let file = encoded(texts, form, piece, true);
        check(&file, &expected, texts);
        let (seen, wanted) = (packed_sizes(&file), packed_sizes(&expected));
        let grew = seen.iter().zip(&wanted).any(|(seen, wanted)| *seen > wanted + wanted / 100);
        assert!(!grew, "{seen:?} bytes instead of {wanted:?} for {form:?}");
    }
}

/// The sizes of the chunks of texts.
fn packed_sizes(file: &Bytes) -> Vec<i64> {
    let metadata = Arc::clone(reader(file).metadata());
    let chunks = metadata.row_groups().iter().flat_map(|group| &group.columns()[..COLUMNS.len()]);
    chunks.map(ColumnChunkMetaData::compressed_size).collect()
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(String::new())),
        4 => "[a-c]{1,2}".prop_map(Some),
        2 => "[a-zä-ü€\u{10ffff}]{8,20}".prop_map(Some),
        1 => "[äb\u{7f}]{40,90}".prop_map(Some),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_written_is_what_parquets_own_writer_writes(
        runs in proptest::collection::vec((text(), 1_usize..60, 1_usize..60), 2..12),
        piece in 1_usize..20_000,
    ) {
        // runs, and texts that take turns
        let texts: Texts = runs
            .windows(2)
            .flat_map(|pair| {
                let [(text, times, square), (other, ..)] = pair else { return Vec::new() };
                let turns = vec![vec![text.clone(), other.clone()]; *times].concat();
                [vec![text.clone(); times * square], turns].concat()
            })
            .collect();
        let expected = expected(&texts, true);
        for form in FORMS {
            check(&encoded(&texts, form, piece, true), &expected, &texts);
        }
    }
}

#[test]
fn row_groups_and_pages_end_where_they_did() {
    let texts: Texts = (0..150_000_u32).map(|n| Some(format!("text {}", n * 7_919 % 70_001))).collect();
    check_forms(&texts, 8_192);
}

#[test]
fn sorted_texts_have_an_order() {
    let texts: Texts = (0..30_000).map(|n| (n > 9_000).then(|| format!("{n:06}"))).collect();
    check_forms(&texts, 30_000);
    let falling: Texts = texts.into_iter().rev().collect();
    check_forms(&falling, 30_000);
}

#[test]
fn columns_without_texts_or_with_one() {
    check_forms(&vec![None; 20_000], 999);
    check_forms(&vec![Some("always".to_owned()); 20_000], 999);
    let file = encoded(&[], Form::Plain, 1, true);
    assert_eq!(read(&file, None).num_rows(), 0);
}

#[test]
fn columns_that_have_a_text_in_every_row_have_no_levels() {
    let texts: Texts = (0..20_000).map(|n| Some(format!("text {}", n % 11))).collect();
    for form in FORMS {
        check(&encoded(&texts, form, 5_000, false), &expected(&texts, false), &texts);
    }
}

#[test]
fn a_dictionary_that_grows_too_large_is_given_up() {
    let long = |n: u32| (!n.is_multiple_of(9)).then(|| format!("{n:08}").repeat(50));
    let texts: Texts = (0..40_000).map(long).collect();
    for form in FORMS {
        for piece in [40_000, 8_192] {
            let file = encoded(&texts, form, piece, true);
            assert_eq!(read(&file, None), read(&expected(&texts, true), None));
            let seen = reader(&file);
            let chunk = seen.metadata().row_group(0).column(0);
            let pages = chunk.page_encoding_stats().unwrap();
            let of = |kind, encoding| {
                pages.iter().any(|pages| pages.page_type == kind && pages.encoding == encoding)
            };
            assert!(of(PageType::DICTIONARY_PAGE, Encoding::PLAIN));
            assert!(
                of(PageType::DATA_PAGE, Encoding::RLE_DICTIONARY) && of(PageType::DATA_PAGE, Encoding::PLAIN)
            );
            let filter = seen.get_row_group_column_bloom_filter(0, 0).unwrap().unwrap();
            assert!(texts.iter().flatten().all(|text| filter.check(text.as_str())));
        }
    }
}

#[test]
fn row_groups_of_other_files_are_as_they_were() {
    let texts = |from: u32, count: u32| -> Texts {
        (from..from + count).map(|n| (!n.is_multiple_of(5)).then(|| format!("text {}", n / 100))).collect()
    };
    let parts = [texts(0, 140_000), texts(7, 20_000), texts(50_000, 30_000)];
    let files = parts.each_ref().map(|texts| encoded(texts, Form::Plain, 8_192, true));
    let [first, between, last] =
        files.each_ref().map(|file| Contents::open(file.clone(), "of parts").unwrap());
    let mut encoder = Encoder::try_new(&schema(true), LAYOUT).unwrap();
    let known = |rows| Statistics { rows, ..Statistics::default() };
    assert!([&first, &between].into_iter().all(|contents| encoder.fits(contents)));
    encoder.append_file(&first, &known(140_000)).unwrap();
    encoder.write(&batch(&parts[1], Form::Keys)).unwrap();
    encoder.append_file(&last, &known(30_000)).unwrap();
    assert_eq!(encoder.rows(), 190_000);
    let all = encoder.finish().unwrap().bytes;

    let schema = read(&all, None).schema();
    let expected = concat_batches(&schema, &files.each_ref().map(|file| read(file, None))).unwrap();
    assert_eq!(read(&all, None), expected);
    let every = [RowSelector::skip(8_000), RowSelector::select(500)].repeat(22);
    let some = read(&all, Some(every));
    let places: UInt32Array = (0..187_000_u32).filter(|row| row % 8_500 >= 8_000).collect();
    assert_eq!(some, arrow::compute::take_record_batch(&expected, &places).unwrap());
    let told: Vec<String> = files.iter().flat_map(|file| described(reader(file).metadata())).collect();
    pretty_equal(&described(reader(&all).metadata()), &told);
    let filter = reader(&all).get_row_group_column_bloom_filter(1, 0).unwrap().unwrap();
    assert!(filter.check("text 1398") && !filter.check("text 17"));

    let other: SchemaRef = Arc::new(Schema::new(vec![Field::new("other", DataType::Utf8, true)]));
    let mut other = Encoder::try_new(&other, LAYOUT).unwrap();
    assert!(!other.fits(&between));
    assert_eq!(other.append_file(&between, &known(20_000)).unwrap_err().kind(), ErrorKind::Corrupt);
}
