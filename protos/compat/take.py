"""Takes other people's contracts out of their own packages, as one descriptor set: `python take.py OUT
GOOGLE_PROTOS...`.

Run where nvidia-riva-client 2.27.0 (MIT), grpcio-tools and googleapis-common-protos are installed. GOOGLE_PROTOS are
folders that hold `google/cloud/...`: `build/protos` of the npm packages @google-cloud/text-to-speech 6.4.1 and
@google-cloud/speech 7.5.0 (Apache-2.0).

Messages and services keep their full names, which are what goes over the wire. Files get names under voicebox/compat/,
since Python's modules are named after them and `riva` and `google.cloud` belong to others.
"""

import sys
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

from google.api import annotations_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc
from riva.client.proto import riva_asr_pb2, riva_tts_pb2

NAMES = {
    "riva/proto/riva_audio.proto": "voicebox/compat/riva/riva_audio.proto",
    "riva/proto/riva_common.proto": "voicebox/compat/riva/riva_common.proto",
    "riva/proto/riva_asr.proto": "voicebox/compat/riva/riva_asr.proto",
    "riva/proto/riva_tts.proto": "voicebox/compat/riva/riva_tts.proto",
    "google/cloud/texttospeech/v1/cloud_tts.proto": "voicebox/compat/google/texttospeech_v1.proto",
    "google/cloud/speech/v1/resource.proto": "voicebox/compat/google/speech_v1_resource.proto",
    "google/cloud/speech/v1/cloud_speech.proto": "voicebox/compat/google/speech_v1.proto",
    "google/cloud/speech/v2/cloud_speech.proto": "voicebox/compat/google/speech_v2.proto",
}


def main() -> None:
    out, *folders = sys.argv[1:]
    files = {**_imported(riva_asr_pb2.DESCRIPTOR), **_imported(riva_tts_pb2.DESCRIPTOR), **_compiled(folders)}
    Path(out).write_bytes(FileDescriptorSet(file=[_renamed(each) for each in files.values()]).SerializeToString())


def _imported(file: FileDescriptor) -> dict[str, FileDescriptorProto]:
    """A file and what it imports, what is imported first."""
    files: dict[str, FileDescriptorProto] = {}
    for dependency in file.dependencies:
        files.update(_imported(dependency))
    files[file.name] = FileDescriptorProto.FromString(file.serialized_pb)
    return files


def _compiled(folders: list[str]) -> dict[str, FileDescriptorProto]:
    """Google's files with all that they import, and their comments."""
    wanted = [name for name in NAMES if name.startswith("google/")]
    common = str(Path(annotations_pb2.__file__).parents[2])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "set"
        operations = Path(folder) / "google/longrunning/operations.proto"  # the wheel holds it under another name
        operations.parent.mkdir(parents=True)
        operations.write_bytes((Path(common) / "google/longrunning/operations_proto.proto").read_bytes())
        includes = [f"-I{each}" for each in (*folders, folder, common, str(resources.files("grpc_tools") / "_proto"))]
        if protoc.main(
            ["protoc", *includes, "--include_imports", "--include_source_info", f"--descriptor_set_out={path}", *wanted]
        ):
            raise SystemExit("protoc failed")
        return {file.name: file for file in FileDescriptorSet.FromString(path.read_bytes()).file}


def _renamed(file: FileDescriptorProto) -> FileDescriptorProto:
    file.name = NAMES.get(file.name, file.name)
    dependencies = [NAMES.get(name, name) for name in file.dependency]
    del file.dependency[:]
    file.dependency.extend(dependencies)
    return file


if __name__ == "__main__":
    main()
