//! The pages of a column chunk with a dictionary, and where the footer finds them.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, EncodingMask, PageType};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter as _};
use parquet::errors::Result;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnChunkMetaDataBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::page_index::offset_index::OffsetIndexMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::packer::Packer;

/// The pages written so far.
pub(super) struct Pages<'a> {
    packer: &'a mut Packer,
    how: Compression,
    out: TrackedWrite<Vec<u8>>,
    offsets: OffsetIndexBuilder,
    rows: i64,
    bytes_packed: usize,
    bytes_unpacked: usize,
    data_offset: Option<u64>,
    count: i32,
}

/// All pages of a chunk.
pub(super) struct Finished {
    pub(super) bytes: Bytes,
    pub(super) metadata: ColumnChunkMetaDataBuilder,
    pub(super) offsets: OffsetIndexMetaData,
}

impl<'a> Pages<'a> {
    /// Begins a chunk with its dictionary of so many texts.
    pub(super) fn begin(
        packer: &'a mut Packer,
        how: Compression,
        dictionary: &[u8],
        texts: u32,
    ) -> Result<Self> {
        let mut pages = Self {
            packer,
            how,
            out: TrackedWrite::new(Vec::new()),
            offsets: OffsetIndexBuilder::new(),
            rows: 0,
            bytes_packed: 0,
            bytes_unpacked: 0,
            data_offset: None,
            count: 0,
        };
        let buf = pages.packer.pack(dictionary, how)?;
        let page =
            Page::DictionaryPage { buf, num_values: texts, encoding: Encoding::PLAIN, is_sorted: false };
        pages.write(page, dictionary.len())?;
        Ok(pages)
    }

    /// Adds a page of so many rows: levels, then the texts' numbers, together `text_bytes` long.
    pub(super) fn add(&mut self, page: &[u8], rows: u32, text_bytes: i64) -> Result<()> {
        let buf = self.packer.pack(page, self.how)?;
        let data = Page::DataPage {
            buf,
            num_values: rows,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let written = self.write(data, page.len())?;
        self.offsets.append_row_count(rows.into());
        self.offsets.append_unencoded_byte_array_data_bytes(Some(text_bytes));
        // the writer refuses pages of 2 GiB
        let size = i32::try_from(written.compressed_size).unwrap_or(i32::MAX);
        self.offsets.append_offset_and_size(signed(written.offset), size);
        self.rows += i64::from(rows);
        self.data_offset.get_or_insert(written.offset);
        self.count += 1;
        Ok(())
    }

    fn write(&mut self, page: Page, unpacked_size: usize) -> Result<PageWriteSpec> {
        let page = CompressedPage::new(page, unpacked_size);
        let written = SerializedPageWriter::new(&mut self.out).write_page(page)?;
        self.bytes_packed += written.compressed_size;
        self.bytes_unpacked += written.uncompressed_size;
        Ok(written)
    }

    /// Ends the chunk of a column.
    pub(super) fn finish(self, about: ColumnDescPtr) -> Result<Finished> {
        let page_encodings = [
            PageEncodingStats { page_type: PageType::DICTIONARY_PAGE, encoding: Encoding::PLAIN, count: 1 },
            PageEncodingStats {
                page_type: PageType::DATA_PAGE,
                encoding: Encoding::RLE_DICTIONARY,
                count: self.count,
            },
        ];
        let encodings = [Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY];
        let metadata = ColumnChunkMetaData::builder(about)
            .set_compression(self.how)
            .set_encodings_mask(EncodingMask::new_from_encodings(encodings.iter()))
            .set_page_encoding_stats(page_encodings.to_vec())
            .set_total_compressed_size(signed(self.bytes_packed as u64))
            .set_total_uncompressed_size(signed(self.bytes_unpacked as u64))
            .set_num_values(self.rows)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(signed(self.data_offset.unwrap_or_default()));
        Ok(Finished { bytes: self.out.into_inner()?.into(), metadata, offsets: self.offsets.build() })
    }
}

/// A size or a place in memory, which the format has with a sign.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
