import pytest

from mmvrec.utils.encoding import decode_text


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'gb2312', 'gbk', 'gb18030'])
@pytest.mark.parametrize('text', ['', 'dent', '划痕', 'a划痕b\n凹坑 c'])
def test_utf8_and_chinese(text, encoding):
    assert decode_text(text.encode(encoding)) == text


@pytest.mark.parametrize('data', ['grün'.encode('latin-1'), '划痕'.encode('utf-16'), b'\xff\xff'])
def test_what_is_neither(data):
    with pytest.raises(UnicodeDecodeError):
        decode_text(data)
